package dev.trireme.launcher.cli.cluster;

import com.fasterxml.jackson.databind.JsonNode;
import dev.trireme.launcher.cli.Console;
import dev.trireme.launcher.cli.ExitCode;
import dev.trireme.launcher.cli.ServiceRunner;
import dev.trireme.launcher.cli.Table;
import dev.trireme.launcher.cluster.Credentials;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code trireme cluster}: what concerns a cluster as a whole. */
@Command(
    name = "cluster",
    header = "Makes a cluster's credentials, and shows how it stands.",
    commandListHeading = "%nCommands:%n")
public final class ClusterCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  /** With its subcommands. */
  public static CommandLine commandLine(Console console, Supplier<ServiceRunner> runner) {
    return new CommandLine(new ClusterCommand())
        .addSubcommand(new Init(console, runner))
        .addSubcommand(new Use(console))
        .addSubcommand(new Show(console));
  }

  @Override
  public Integer call() {
    throw new CommandLine.ParameterException(spec.commandLine(), "expected a command");
  }

  /** {@code cluster init}. */
  @Command(
      name = "init",
      header = "Makes the credentials of a new cluster, and says what to copy where.",
      description = {
        "An authority, a key and a certificate that all coordinators and agents share, and the"
            + " token of the HTTP interface. Whoever has the key can join, whoever has the token"
            + " can run code on the cluster: keep both secret."
      })
  private static final class Init implements Callable<Integer> {
    @Parameters(paramLabel = "DIR", description = "A directory that is not there yet.")
    private Path directory;

    private final Console console;
    private final Supplier<ServiceRunner> runner;

    Init(Console console, Supplier<ServiceRunner> runner) {
      this.console = console;
      this.runner = runner;
    }

    @Override
    public Integer call() {
      return runner.get().initialize(directory, console);
    }
  }

  /** {@code cluster use}. */
  @Command(
      name = "use",
      header = "Keeps a cluster's addresses and credentials under a name.",
      description = "The context 'default' is what commands use when no cluster is named.")
  private static final class Use implements Callable<Integer> {
    @Parameters(index = "0", paramLabel = "NAME", description = "Of the context.")
    private String name;

    @Parameters(
        index = "1",
        paramLabel = "HOST:PORT",
        description = "The coordinators' HTTP interfaces, separated by commas.")
    private String addresses;

    @Mixin private ClusterOptions cluster;

    private final Console console;

    Use(Console console) {
      this.console = console;
    }

    @Override
    public Integer call() {
      try {
        Path directory = cluster.save(name, addresses);
        console.err().println("trireme: context " + name + " is in " + directory);
        return ExitCode.DONE;
      } catch (Credentials.UnusableException e) {
        console.err().println("trireme: " + e.getMessage());
        console.err().println("trireme: --credentials DIR says where they are, if not there");
      } catch (ClusterOptions.UnknownClusterException e) {
        console.err().println("trireme: " + e.getMessage());
      } catch (IOException e) {
        console.err().println("trireme: cannot keep the context: " + e);
      }
      return ExitCode.USAGE;
    }
  }

  /** {@code cluster show}. */
  @Command(name = "show", header = "Shows the active coordinator, the agents, and what is free.")
  private static final class Show implements Callable<Integer> {
    private static final Duration PATIENCE = Duration.ofSeconds(10);

    @Mixin private ClusterOptions cluster;

    @Option(names = "--json", description = "Prints JSON.")
    private boolean json;

    private final Console console;

    Show(Console console) {
      this.console = console;
    }

    @Override
    public Integer call() {
      return Asking.run(
          console,
          () -> {
            JsonNode answer = cluster.client(PATIENCE).cluster();
            console.out().println(json ? answer.toPrettyString() : text(answer));
            return ExitCode.DONE;
          });
    }

    private static String memory(long bytes) {
      return bytes == 0 ? "-" : bytes >= 1L << 30 ? (bytes >> 30) + "g" : (bytes >> 20) + "m";
    }

    private static String text(JsonNode answer) {
      Table table =
          new Table("llrrrrr").row("AGENT", "HOST", "SLOTS", "FREE", "CUDA", "FREE", "MEMORY");
      for (JsonNode agent : answer.path("agents")) {
        table.row(
            agent.path("agent").asText(),
            agent.path("host").asText(),
            agent.path("slots").asText(),
            agent.path("free").asText(),
            agent.path("cudaSlots").asText(),
            agent.path("cudaFree").asText(),
            memory(agent.path("memory").asLong()));
      }
      return "coordinator %s, term %d%s%n%s"
          .formatted(
              answer.path("coordinator").asText(),
              answer.path("term").asLong(),
              answer.path("agents").isEmpty() ? "; no agent has joined" : "",
              table);
    }
  }
}
