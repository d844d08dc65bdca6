package dev.trireme.launcher.cli.cluster;

import dev.trireme.launcher.cli.Console;
import dev.trireme.launcher.cli.ServiceRunner;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code trireme coordinator}. */
@Command(
    name = "coordinator",
    header = "Runs a coordinator until it is told to end.",
    description = {
      "Logs JSON lines to standard error. On SIGTERM it stops within seconds, with exit code 0; jobs"
          + " that run are continued by the coordinator that comes after it."
    },
    footerHeading = "%nA configuration:%n",
    footer = {
      "  listen: 10.0.0.1:7400",
      "  api: 10.0.0.1:7401",
      "  credentials: /etc/trireme",
      "  stateDirectory: /var/lib/trireme",
      "  runs: /shared/trireme-runs",
    })
public final class CoordinatorCommand implements Callable<Integer> {
  @Option(
      names = "--config",
      paramLabel = "FILE",
      required = true,
      description = "The coordinator's configuration, YAML.")
  private Path config;

  private final Console console;
  private final Supplier<ServiceRunner> runner;

  /** Made by the command line. */
  public CoordinatorCommand(Console console, Supplier<ServiceRunner> runner) {
    this.console = console;
    this.runner = runner;
  }

  @Override
  public Integer call() {
    return runner.get().coordinator(config, console);
  }
}
