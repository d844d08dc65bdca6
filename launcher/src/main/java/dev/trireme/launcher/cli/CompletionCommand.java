package dev.trireme.launcher.cli;

import java.util.concurrent.Callable;
import picocli.AutoComplete;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code trireme completion}. */
@Command(
    name = "completion",
    header = "Prints a script that completes trireme's commands in bash and zsh.",
    footerHeading = "%nExamples:%n",
    footer = {
      "  source <(./trireme completion)                      for this shell, bash or zsh",
      "  ./trireme completion > /etc/bash_completion.d/trireme   for all users of bash",
    })
final class CompletionCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  private final Console console;

  CompletionCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    console.out().print(AutoComplete.bash("trireme", spec.root().commandLine()));
    return ExitCode.DONE;
  }
}
