package dev.trireme.launcher;

import dev.trireme.api.job.DataSpec;
import dev.trireme.data.Datasets;
import dev.trireme.launcher.cli.Cli;
import dev.trireme.launcher.cli.Console;
import dev.trireme.launcher.config.Capabilities;
import dev.trireme.launcher.config.DataInspector;
import dev.trireme.launcher.config.JobValidation;
import dev.trireme.launcher.embedded.EmbeddedRunner;
import dev.trireme.launcher.embedded.ProcessBench;

/** Where {@code ./trireme} begins: wires the command line together and ends with its exit code. */
public final class Trireme {
  private Trireme() {}

  /** Runs one command. */
  public static void main(String[] arguments) {
    int cores = Runtime.getRuntime().availableProcessors();
    JobValidation validation =
        new JobValidation(Capabilities.ofThisVersion(), Trireme::inspect, cores);
    System.exit(
        new Cli(Console.ofProcess(), validation, EmbeddedRunner::new, ProcessBench::new)
            .run(arguments));
  }

  private static DataInspector.Sets inspect(DataSpec spec) {
    Datasets.Inspection found = Datasets.inspect(spec);
    return new DataInspector.Sets(found.training(), found.evaluation());
  }
}
