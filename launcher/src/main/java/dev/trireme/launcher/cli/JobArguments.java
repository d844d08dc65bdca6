package dev.trireme.launcher.cli;

import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** The job file and the overrides, the same for every command that takes a job. */
public final class JobArguments {
  @Parameters(index = "0", paramLabel = "JOB.yaml", description = "The job file.")
  private Path file;

  @Option(
      names = "--set",
      paramLabel = "KEY=VALUE",
      description = {
        "Puts a value over the file's, as train.epochs=3 or model.layers.0.conv2d.out=8;"
            + " the value is YAML, null takes a key out. Can be repeated."
      })
  private List<String> overrides = List.of();

  /** The file as the user named it. */
  public Path file() {
    return file;
  }

  /** As {@code KEY=VALUE}. */
  public List<String> overrides() {
    return overrides;
  }
}
