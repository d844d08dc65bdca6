package dev.trireme.launcher.cli;

import dev.trireme.launcher.config.ValidatedJob;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code trireme train}: validates a job, then has it run. */
@Command(
    name = "train",
    header = "Trains a job on this machine.",
    description = {
      "Starts a coordinator, an agent and one process a rank, all on loopback, shows progress, and"
          + " ends with a summary and result.json in the run directory."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  trireme train configs/quickstart.yaml",
      "  trireme train job.yaml --set train.epochs=5 --set parallel.workers=4 --run-dir runs/first",
    })
final class TrainCommand implements Callable<Integer> {
  @Mixin private JobArguments arguments;

  @Option(
      names = "--run-dir",
      paramLabel = "DIR",
      description =
          "Where logs, metrics, checkpoints and the result go; made when it is not there."
              + " By default a new directory under runs/.")
  private Optional<Path> runDirectory = Optional.empty();

  private final Console console;
  private final JobLoader loader;
  private final Supplier<TrainRunner> runner;

  TrainCommand(Console console, JobLoader loader, Supplier<TrainRunner> runner) {
    this.console = console;
    this.loader = loader;
    this.runner = runner;
  }

  @Override
  public Integer call() {
    ValidatedJob job = loader.load(arguments, console);
    return runner.get().run(job, runDirectory, console);
  }
}
