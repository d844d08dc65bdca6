package dev.trireme.launcher.config;

import java.util.Comparator;
import java.util.List;
import java.util.stream.Collectors;

/**
 * A job spec that is refused, with everything that was found wrong. It is the user's to mend, so it
 * is shown without a stack trace.
 */
public final class ConfigException extends RuntimeException {
  private static final long serialVersionUID = 1L;
  private final transient List<ConfigProblem> problems;

  /**
   * @param problems in any order, at least one
   */
  public ConfigException(List<ConfigProblem> problems) {
    super(problems.stream().map(ConfigProblem::toString).collect(Collectors.joining("\n")));
    this.problems =
        problems.stream().sorted(Comparator.comparing(ConfigProblem::place)).distinct().toList();
  }

  /** Everything found wrong, in the order of its place. */
  public List<ConfigProblem> problems() {
    return problems;
  }
}
