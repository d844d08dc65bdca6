package dev.trireme.launcher.cli;

import dev.trireme.launcher.config.ResolvedJob;
import dev.trireme.launcher.config.WorkingDirectory;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code trireme launch}: a cluster over ssh for one job. */
@Command(
    name = "launch",
    header = "Runs a job on hosts that ssh reaches, and leaves nothing there.",
    description = {
      "Runs a coordinator here and starts an agent on each host; when the job has ended, or this"
          + " command has, the agents end too. Trireme must be on each host, and ssh must not ask"
          + " for a password. Control traffic is under mutual TLS with credentials made for this"
          + " job. Paths of data, and the run directory, are those of the hosts."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  trireme launch --hosts a:4,b:4 configs/mnist-cnn.yaml --set parallel.workers=8",
      "  trireme launch --hosts me@a:2 --home /opt/trireme --ssh \"ssh -i key\" job.yaml",
    })
final class LaunchCommand implements Callable<Integer> {
  private static final int MOST_SECONDS = 86_400;

  @Mixin private JobArguments arguments;

  @Option(
      names = "--hosts",
      paramLabel = "HOST:SLOTS,...",
      required = true,
      description = "Hosts as ssh takes them, with the ranks each may hold; by default its cores.")
  private String hosts;

  @Option(
      names = "--home",
      paramLabel = "DIR",
      description = "Where Trireme is on the hosts. By default where it is here.")
  private Optional<String> home = Optional.empty();

  @Option(
      names = "--bind",
      paramLabel = "ADDRESS",
      description =
          "Address of this machine by which the hosts reach it. By default that of the route to the"
              + " first host.")
  private Optional<String> bind = Optional.empty();

  @Option(
      names = "--port",
      paramLabel = "PORT",
      defaultValue = "0",
      description = "Port here that the agents connect to. By default any free one.")
  private int port;

  @Option(
      names = "--ssh",
      paramLabel = "COMMAND",
      defaultValue = "ssh -o BatchMode=yes -o ServerAliveInterval=10",
      description = "The ssh client and its options. By default '${DEFAULT-VALUE}'.")
  private String ssh;

  @Option(
      names = "--join-timeout",
      paramLabel = "SECONDS",
      defaultValue = "600",
      description =
          "How long agents may take to join; the first start on a host builds Trireme there. By"
              + " default ${DEFAULT-VALUE}.")
  private int joinTimeout;

  @Option(
      names = "--run-dir",
      paramLabel = "DIR",
      description = "As with 'trireme train'; on a file system that all hosts share.")
  private Optional<Path> runDirectory = Optional.empty();

  @Spec private CommandSpec spec;

  private final Console console;
  private final Supplier<LaunchRunner> runner;

  LaunchCommand(Console console, Supplier<LaunchRunner> runner) {
    this.console = console;
    this.runner = runner;
  }

  @Override
  public Integer call() {
    if (port < 0 || port > 0xffff) {
      throw wrong("--port: expected 0 to 65535, found " + port);
    }
    if (joinTimeout < 1 || joinTimeout > MOST_SECONDS) {
      throw wrong("--join-timeout: expected 1 to " + MOST_SECONDS + ", found " + joinTimeout);
    }
    if (ssh.isBlank()) {
      throw wrong("--ssh: expected a command, found nothing");
    }
    ResolvedJob job =
        WorkingDirectory.read(
            arguments.file(), arguments.overrides(), Path.of("").toAbsolutePath());
    LaunchRunner.Options options =
        new LaunchRunner.Options(
            hosts, home, bind, port, ssh, runDirectory, Duration.ofSeconds(joinTimeout));
    return runner.get().run(options, job, console);
  }

  private CommandLine.ParameterException wrong(String message) {
    return new CommandLine.ParameterException(spec.commandLine(), message);
  }
}
