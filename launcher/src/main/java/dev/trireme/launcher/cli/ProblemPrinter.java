package dev.trireme.launcher.cli;

import dev.trireme.launcher.config.ConfigProblem;
import java.io.PrintStream;
import java.util.List;

/** Shows what is wrong with a job: a line each, and that nothing came of it. */
final class ProblemPrinter {
  private static final int MOST_SHOWN = 50;

  private final PrintStream err;

  ProblemPrinter(PrintStream err) {
    this.err = err;
  }

  void print(List<ConfigProblem> problems) {
    problems.stream().limit(MOST_SHOWN).forEach(err::println);
    if (problems.size() > MOST_SHOWN) {
      err.println("... and " + (problems.size() - MOST_SHOWN) + " more");
    }
    String count = problems.size() == 1 ? "1 problem" : problems.size() + " problems";
    err.println(count + "; nothing was started");
  }
}
