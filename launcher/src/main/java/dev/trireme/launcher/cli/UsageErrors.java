package dev.trireme.launcher.cli;

import dev.trireme.launcher.config.NearestName;
import java.io.PrintStream;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine;
import picocli.CommandLine.IParameterExceptionHandler;
import picocli.CommandLine.MissingParameterException;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/** Says what is wrong with a command line, what was likely meant, and where to read more. */
final class UsageErrors implements IParameterExceptionHandler {
  private final PrintStream err;

  UsageErrors(PrintStream err) {
    this.err = err;
  }

  @Override
  public int handleParseException(ParameterException e, String[] arguments) {
    CommandSpec command = e.getCommandLine().getCommandSpec();
    err.println(command.qualifiedName() + ": " + message(e, command));
    err.println("see: " + command.qualifiedName() + " --help");
    return ExitCode.USAGE;
  }

  private static String message(ParameterException e, CommandSpec command) {
    if (e instanceof UnmatchedArgumentException unmatched && !unmatched.getUnmatched().isEmpty()) {
      return unmatched(unmatched.getUnmatched().get(0), command);
    }
    Optional<String> stray = stray(e.getCommandLine());
    if (e instanceof MissingParameterException && stray.isPresent()) {
      return stray.get();
    }
    if (e instanceof MissingParameterException missing && !missing.getMissing().isEmpty()) {
      return missing(missing.getMissing().get(0));
    }
    String text = String.valueOf(e.getMessage());
    String first = Character.toLowerCase(text.charAt(0)) + text.substring(1);
    return command.subcommands().isEmpty() ? first : first + commands(command);
  }

  /** A word that nobody knows is told before what is missing: it was meant to be that. */
  private static Optional<String> stray(CommandLine command) {
    for (CommandLine at = command; at != null; at = at.getParent()) {
      List<String> unknown = at.getUnmatchedArguments();
      if (!unknown.isEmpty()) {
        return Optional.of(unmatched(unknown.get(0), at.getCommandSpec()));
      }
    }
    return Optional.empty();
  }

  private static String unmatched(String found, CommandSpec command) {
    if (found.startsWith("-")) {
      String name = found.contains("=") ? found.substring(0, found.indexOf('=')) : found;
      List<String> options =
          command.options().stream().flatMap(o -> List.of(o.names()).stream()).toList();
      return "unknown option '"
          + name
          + "'"
          + didYouMean(NearestName.of(name, options))
          + " (options: "
          + String.join(", ", options)
          + ")";
    }
    if (!command.subcommands().isEmpty()) {
      return "unknown command '"
          + found
          + "'"
          + didYouMean(NearestName.of(found, command.subcommands().keySet()))
          + commands(command);
    }
    boolean overrides = command.findOption("--set") != null;
    return "unexpected argument '"
        + found
        + "'"
        + (overrides ? "; an override is written --set KEY=VALUE" : "");
  }

  private static String missing(ArgSpec argument) {
    if (argument instanceof OptionSpec option && !option.required()) {
      return "option '" + option.longestName() + "' needs a value: " + option.paramLabel();
    }
    String name = argument instanceof OptionSpec option ? option.longestName() + " " : "";
    return "expected " + name + argument.paramLabel() + ", found nothing";
  }

  private static String commands(CommandSpec command) {
    return " (commands: " + String.join(", ", command.subcommands().keySet()) + ")";
  }

  private static String didYouMean(Optional<String> nearest) {
    return nearest.map(name -> "; did you mean '" + name + "'?").orElse("");
  }
}
