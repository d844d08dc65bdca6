package dev.trireme.launcher.cli.checkpoint;

import dev.trireme.launcher.cli.Console;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code trireme checkpoint}: nothing without a command behind it. */
@Command(
    name = "checkpoint",
    header = "Lists, shows, verifies and exports checkpoints.",
    commandListHeading = "%nCommands:%n",
    footerHeading = "%nExamples:%n",
    footer = {
      "  trireme checkpoint list runs/first/checkpoints",
      "  trireme checkpoint verify runs/first/checkpoints",
      "  trireme checkpoint list s3://bucket/first --s3-endpoint http://store:9000 --s3-path-style",
      "  trireme checkpoint export runs/first/checkpoints --to model.safetensors",
    })
public final class CheckpointCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  private CheckpointCommand() {}

  /** The command with all of its own. */
  public static CommandLine withCommands(Console console) {
    return new CommandLine(new CheckpointCommand())
        .addSubcommand(new ListCommand(console))
        .addSubcommand(new ShowCommand(console))
        .addSubcommand(new VerifyCommand(console))
        .addSubcommand(new ExportCommand(console));
  }

  @Override
  public Integer call() {
    throw new CommandLine.ParameterException(spec.commandLine(), "expected a command");
  }
}
