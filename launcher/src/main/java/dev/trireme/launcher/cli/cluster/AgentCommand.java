package dev.trireme.launcher.cli.cluster;

import dev.trireme.launcher.cli.Console;
import dev.trireme.launcher.cli.ServiceRunner;
import dev.trireme.launcher.cli.ServiceRunner.AgentOptions;
import dev.trireme.launcher.config.ByteSizes;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code trireme agent}. */
@Command(
    name = "agent",
    header = "Runs this host's agent, which starts ranks, until it is told to end.",
    description = {
      "Logs JSON lines to standard error. On SIGTERM it ends its ranks and leaves within seconds,"
          + " with exit code 0. When the cluster has given it up it joins again."
    },
    footerHeading = "%nExample:%n",
    footer = "  trireme agent --join 10.0.0.1:7400,10.0.0.2:7400 --credentials /etc/trireme")
public final class AgentCommand implements Callable<Integer> {
  @Option(
      names = "--join",
      paramLabel = "HOST:PORT",
      required = true,
      split = ",",
      description = "Coordinators, separated by commas; one that answers is enough.")
  private List<String> coordinators;

  @Option(
      names = "--credentials",
      paramLabel = "DIR",
      required = true,
      description =
          "Directory with ca.pem, node.pem, node-key.pem and api-token. A coordinator on loopback"
              + " that was given none makes it: 'credentials' in its state directory.")
  private Path credentials;

  @Option(
      names = "--name",
      paramLabel = "NAME",
      description = "Of the agent, one of its own in the cluster; by default from the host's.")
  private Optional<String> name = Optional.empty();

  @Option(
      names = "--bind",
      paramLabel = "ADDRESS",
      description =
          "Address to listen on and be reached at; by default that of the route to the first"
              + " coordinator.")
  private Optional<String> bind = Optional.empty();

  @Option(
      names = "--slots",
      paramLabel = "N",
      description = "Ranks it may hold at once; by default as many as cores.")
  private Optional<Integer> slots = Optional.empty();

  @Option(
      names = "--cores",
      paramLabel = "N",
      description = "Cores that its ranks may use together; by default the host's.")
  private Optional<Integer> cores = Optional.empty();

  @Option(
      names = "--memory",
      paramLabel = "SIZE",
      description = "Memory that its ranks may use together, as 64g; by default the host's.")
  private Optional<String> memory = Optional.empty();

  @Option(
      names = "--ranks-per-device",
      paramLabel = "N",
      defaultValue = "1",
      description = "Ranks that may share a CUDA device; 1 unless told otherwise.")
  private int ranksPerDevice;

  @Option(
      names = "--health",
      paramLabel = "HOST:PORT",
      description = "Loopback address and port that answer /livez and /readyz.")
  private Optional<String> health = Optional.empty();

  @Spec private CommandSpec spec;

  private final Console console;
  private final Supplier<ServiceRunner> runner;

  /** Made by the command line. */
  public AgentCommand(Console console, Supplier<ServiceRunner> runner) {
    this.console = console;
    this.runner = runner;
  }

  @Override
  public Integer call() {
    requireOne("--slots", slots);
    requireOne("--cores", cores);
    requireOne("--ranks-per-device", Optional.of(ranksPerDevice));
    return runner
        .get()
        .agent(
            new AgentOptions(
                coordinators,
                credentials,
                name,
                bind,
                slots.map(OptionalInt::of).orElse(OptionalInt.empty()),
                health,
                cores.map(OptionalInt::of).orElse(OptionalInt.empty()),
                memory.map(this::bytes).orElse(OptionalLong.empty()),
                ranksPerDevice),
            console);
  }

  private OptionalLong bytes(String text) {
    OptionalLong bytes = ByteSizes.parse(text);
    if (bytes.orElse(0) < 1) {
      throw new CommandLine.ParameterException(
          spec.commandLine(), "--memory: expected a size as 64g, found '" + text + "'");
    }
    return bytes;
  }

  private void requireOne(String option, Optional<Integer> value) {
    if (value.isPresent() && value.get() < 1) {
      throw new CommandLine.ParameterException(
          spec.commandLine(), option + ": expected at least 1, found " + value.get());
    }
  }
}
