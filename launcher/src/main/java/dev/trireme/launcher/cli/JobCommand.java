package dev.trireme.launcher.cli;

import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code trireme job}: nothing without a command behind it. */
@Command(
    name = "job",
    header = "Looks after jobs that run or have run.",
    commandListHeading = "%nCommands:%n")
final class JobCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Override
  public Integer call() {
    throw new CommandLine.ParameterException(spec.commandLine(), "expected a command");
  }
}
