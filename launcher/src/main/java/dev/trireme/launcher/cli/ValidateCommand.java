package dev.trireme.launcher.cli;

import dev.trireme.launcher.config.ConfigException;
import dev.trireme.launcher.config.ValidatedJob;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code trireme validate}: everything that can be known of a job without starting it. */
@Command(
    name = "validate",
    header = "Checks a job and shows what it would do; starts nothing.",
    description = {
      "Checks the file, the data it names, and that model and data fit together. All problems are"
          + " shown at once, with file, line and key; the exit code is then 2."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  trireme validate configs/mnist-cnn.yaml --set data.path=../shared/data/mnist",
      "  trireme validate job.yaml --json",
    })
final class ValidateCommand implements Callable<Integer> {
  @Mixin private JobArguments arguments;

  @Option(
      names = "--json",
      description = "Prints JSON: an object that describes the job, or an array of its problems.")
  private boolean json;

  private final Console console;
  private final JobLoader loader;

  ValidateCommand(Console console, JobLoader loader) {
    this.console = console;
    this.loader = loader;
  }

  @Override
  public Integer call() {
    try {
      ValidatedJob job = loader.load(arguments, console);
      console.out().println(json ? JobJson.describe(job) : JobSummary.of(job));
      return ExitCode.DONE;
    } catch (ConfigException e) {
      if (!json) {
        throw e;
      }
      console.out().println(JobJson.problems(e.problems()));
      return ExitCode.USAGE;
    }
  }
}
