package dev.trireme.launcher.config;

import dev.trireme.api.job.AlgorithmRow;
import dev.trireme.api.job.ParallelSpec;
import dev.trireme.launcher.config.YamlNode.Entry;
import dev.trireme.launcher.config.YamlNode.Mapping;
import dev.trireme.launcher.config.YamlNode.Scalar;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * The file of {@code parallel.algorithms}, which {@code bench allreduce --tune} writes: the rows as
 * they could stand in the job. Its rows, and not its name, are in the resolved job, so that what
 * becomes of the file later changes no run.
 */
public final class AlgorithmFile {
  private static final SpecType ROWS =
      new SpecType.Keys(ParallelSpec.class)
          .fields().stream()
              .filter(field -> field.name().equals("algorithms"))
              .findFirst()
              .orElseThrow()
              .type();

  private AlgorithmFile() {}

  /** The rows as YAML that a job can name. */
  public static String toYaml(List<AlgorithmRow> rows) {
    return SpecWriter.write(rows, ROWS);
  }

  /** The job with the file's rows, each knowing its place there, where the file's name was. */
  static YamlNode inline(YamlNode root, List<ConfigProblem> problems) {
    return name(root).map(name -> inline((Mapping) root, name, problems)).orElse(root);
  }

  private static YamlNode inline(Mapping job, Scalar name, List<ConfigProblem> problems) {
    Entry section = job.entries().get("parallel");
    Mapping parallel = (Mapping) section.value();
    Place key = parallel.entries().get("algorithms").keyPlace();
    YamlNode rows = rows(name, problems).orElse(name);
    Mapping with = parallel.with("algorithms", new Entry(key, rows));
    return job.with("parallel", new Entry(section.keyPlace(), with));
  }

  /** The job as it is; that it names a file is a problem, and whether that is here is not told. */
  static YamlNode refuse(YamlNode root, List<ConfigProblem> problems) {
    name(root)
        .ifPresent(
            name ->
                problems.add(
                    ConfigProblem.of(
                        name.place(),
                        "parallel.algorithms",
                        "expected the rows themselves, found '"
                            + name.text()
                            + "': no file of the user's is here; 'trireme job submit' puts its"
                            + " rows into the job")));
    return root;
  }

  /** Of the file, where the job names one. */
  private static Optional<Scalar> name(YamlNode root) {
    return root instanceof Mapping job
            && job.value("parallel").orElse(root) instanceof Mapping parallel
            && parallel.value("algorithms").orElse(root) instanceof Scalar name
            && name.meaning() == YamlNode.Meaning.TEXT
        ? Optional.of(name)
        : Optional.empty();
  }

  private static Optional<YamlNode> rows(Scalar name, List<ConfigProblem> problems) {
    try {
      String text = JobReader.textOf(Path.of(name.text()), "file of algorithms");
      return YamlReader.readFile(name.text(), text, problems)
          .map(node -> ShortForms.expand(node, ROWS));
    } catch (InvalidPathException e) {
      problems.add(
          ConfigProblem.of(name.place(), "parallel.algorithms", "no path: " + e.getReason()));
    } catch (ConfigException e) {
      e.problems()
          .forEach(
              p ->
                  problems.add(
                      ConfigProblem.of(
                          name.place(),
                          "parallel.algorithms",
                          "'" + name.text() + "': " + p.message())));
    }
    return Optional.empty();
  }
}
