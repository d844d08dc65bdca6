package dev.trireme.launcher.cli;

import dev.trireme.launcher.cli.chaos.ChaosCommand;
import dev.trireme.launcher.cli.checkpoint.CheckpointCommand;
import dev.trireme.launcher.cli.cluster.AgentCommand;
import dev.trireme.launcher.cli.cluster.ClusterCommand;
import dev.trireme.launcher.cli.cluster.CoordinatorCommand;
import dev.trireme.launcher.cli.job.JobCommand;
import dev.trireme.launcher.config.ConfigException;
import dev.trireme.launcher.config.JobValidation;
import dev.trireme.launcher.device.Doctor;
import java.io.PrintWriter;
import java.util.function.Supplier;
import picocli.CommandLine;

/**
 * The {@code trireme} command line. A person's mistake ends in a message and {@link
 * ExitCode#USAGE}; a stack trace means a bug of ours.
 */
public final class Cli {
  private final Console console;
  private final CommandLine commands;

  /**
   * @param validation of every job before it is run
   * @param trainRunner asked for only when a valid job is to be trained, so that the other commands
   *     load none of what it needs
   * @param benchRunner the same for measurements
   * @param serviceRunner the same for the services of a cluster
   * @param launchRunner the same for clusters over ssh
   */
  public Cli(
      Console console,
      JobValidation validation,
      Supplier<TrainRunner> trainRunner,
      Supplier<BenchRunner> benchRunner,
      Supplier<ServiceRunner> serviceRunner,
      Supplier<LaunchRunner> launchRunner) {
    this.console = console;
    JobLoader loader = new JobLoader(validation);
    CommandLine root = new CommandLine(new TriremeCommand());
    root.addSubcommand(new TrainCommand(console, loader, trainRunner));
    root.addSubcommand(new ValidateCommand(console, loader));
    root.addSubcommand(new SchemaCommand(console));
    root.addSubcommand(new DoctorCommand(console, Doctor::examine));
    root.addSubcommand(JobCommand.commandLine(console, trainRunner, new AuditCommand(console)));
    root.addSubcommand(ClusterCommand.commandLine(console, serviceRunner));
    root.addSubcommand(new CoordinatorCommand(console, serviceRunner));
    root.addSubcommand(new AgentCommand(console, serviceRunner));
    root.addSubcommand(new LaunchCommand(console, launchRunner));
    root.addSubcommand(new ChaosCommand(console));
    root.addSubcommand(CheckpointCommand.withCommands(console));
    root.addSubcommand(
        new CommandLine(new BenchCommand())
            .addSubcommand(new AllReduceCommand(console, benchRunner)));
    root.addSubcommand(new CompletionCommand(console));
    this.commands = configured(root);
  }

  /** Runs one command and returns its exit code; blocks until the command is done. */
  public int run(String... arguments) {
    int code = commands.execute(arguments);
    console.out().flush();
    console.err().flush();
    return code;
  }

  private CommandLine configured(CommandLine root) {
    standardOptions(root);
    return root.setExpandAtFiles(false)
        .setUsageHelpWidth(Math.max(80, Math.min(console.columns(), 120)))
        .setColorScheme(CommandLine.Help.defaultColorScheme(CommandLine.Help.Ansi.OFF))
        .setOut(new PrintWriter(console.out(), true))
        .setErr(new PrintWriter(console.err(), true))
        .setParameterExceptionHandler(new UsageErrors(console.err()))
        .setExecutionExceptionHandler((e, command, parsed) -> failed(e));
  }

  private static void standardOptions(CommandLine command) {
    command.getCommandSpec().mixinStandardHelpOptions(true).versionProvider(new Version());
    command.getSubcommands().values().forEach(Cli::standardOptions);
  }

  private int failed(Exception e) {
    if (e instanceof ConfigException refused) {
      new ProblemPrinter(console.err()).print(refused.problems());
      return ExitCode.USAGE;
    }
    console.err().println("trireme: this is a bug; please report it with what follows");
    e.printStackTrace(console.err());
    return ExitCode.FAILED;
  }
}
