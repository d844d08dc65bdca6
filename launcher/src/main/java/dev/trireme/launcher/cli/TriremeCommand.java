package dev.trireme.launcher.cli;

import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code trireme} itself: nothing without a command behind it. */
@Command(
    name = "trireme",
    header = "Distributed deep-learning training on the JVM.",
    commandListHeading = "%nCommands:%n",
    footerHeading = "%nExamples:%n",
    footer = {
      "  trireme train configs/quickstart.yaml",
      "  trireme validate job.yaml",
      "  trireme COMMAND --help",
      "%nExit codes: 0 done, 1 the job failed, 2 wrong usage or job, 3 the cluster cannot be"
          + " reached, 130 cancelled.",
    })
final class TriremeCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Override
  public Integer call() {
    throw new CommandLine.ParameterException(spec.commandLine(), "expected a command");
  }
}
