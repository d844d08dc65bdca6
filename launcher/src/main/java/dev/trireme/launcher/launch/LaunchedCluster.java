package dev.trireme.launcher.launch;

import dev.trireme.coordinator.CoordinatorConfig;
import dev.trireme.coordinator.CoordinatorException;
import dev.trireme.coordinator.CoordinatorNode;
import dev.trireme.coordinator.JobService;
import dev.trireme.launcher.cli.Console;
import dev.trireme.launcher.cluster.Credentials;
import dev.trireme.launcher.cluster.CredentialsMaker;
import dev.trireme.launcher.embedded.FollowedRun;
import dev.trireme.launcher.embedded.Interruption;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;

/**
 * A coordinator in this process and an agent on each host. The credentials are made for this one
 * job and deleted after it.
 *
 * <p>Threading: one owner.
 */
final class LaunchedCluster implements FollowedRun.Cluster {
  private static final String STATE = "coordinator";
  private static final long PAUSE_MILLIS = 200;

  private final Path credentials;
  private final List<RemoteAgent> agents = new ArrayList<>();
  private CoordinatorNode coordinator;

  private LaunchedCluster(Path credentials) {
    this.credentials = credentials;
  }

  /**
   * Starts everything, and waits until every agent has joined.
   *
   * @param directory of the run; the agents' output goes to {@code logs} in it
   * @throws CoordinatorException when that fails; nothing is left then
   */
  static LaunchedCluster start(
      LaunchPlan plan, Path directory, Console console, Interruption interruption) {
    AtomicBoolean stopped = new AtomicBoolean();
    interruption.onRaised(() -> stopped.set(true));
    LaunchedCluster cluster = null;
    try {
      Path secrets = Files.createTempDirectory("trireme-launch");
      cluster = new LaunchedCluster(secrets);
      cluster.serve(plan, directory);
      cluster.reach(plan, directory);
      cluster.awaitAgents(plan, console, stopped);
      return cluster;
    } catch (IOException | Credentials.UnusableException | RuntimeException e) {
      if (cluster != null) {
        cluster.close();
      }
      throw e instanceof CoordinatorException told
          ? told
          : new CoordinatorException("cannot start the cluster: " + e.getMessage(), e);
    }
  }

  private void serve(LaunchPlan plan, Path directory)
      throws IOException, Credentials.UnusableException {
    Path made = credentials.resolve("credentials");
    CredentialsMaker.make(made);
    coordinator =
        CoordinatorNode.start(
            new CoordinatorConfig(
                "launch",
                plan.bind(),
                plan.port(),
                directory.resolve(STATE),
                CoordinatorConfig.Timing.DEFAULT,
                Credentials.ofNode(made).tls(),
                List.of()));
    coordinator.jobs();
  }

  private void reach(LaunchPlan plan, Path directory) throws IOException {
    Path logs = Files.createDirectories(directory.resolve("logs"));
    String secrets = RemoteScript.credentials(credentials.resolve("credentials"));
    for (LaunchHost host : plan.hosts()) {
      String name = nameOf(host);
      String command = RemoteScript.command(plan.home(), coordinator.address(), name, host.slots());
      agents.add(
          RemoteAgent.start(
              host, plan.client(), command, secrets, logs.resolve("agent-" + name + ".log")));
    }
  }

  /** Agents' names are those of the hosts, as far as the letters go that names may have. */
  private static String nameOf(LaunchHost host) {
    return host.destination().replace('@', '-');
  }

  private void awaitAgents(LaunchPlan plan, Console console, AtomicBoolean stopped) {
    long deadline = System.nanoTime() + plan.patience().toNanos();
    console.err().println("starting agents on " + plan.hosts().size() + " hosts");
    while (true) {
      List<String> joined =
          jobs().cluster().agents().stream().map(agent -> agent.agentId()).toList();
      List<String> missing =
          plan.hosts().stream()
              .map(LaunchedCluster::nameOf)
              .filter(h -> !joined.contains(h))
              .toList();
      if (missing.isEmpty()) {
        return;
      }
      for (RemoteAgent agent : agents) {
        Optional<String> end = agent.end();
        if (end.isPresent()) {
          throw new CoordinatorException(end.get());
        }
      }
      if (stopped.get()) {
        throw new CoordinatorException("interrupted before the agents had joined");
      }
      if (System.nanoTime() > deadline) {
        throw new CoordinatorException(
            "not joined within %d s: %s. Can these hosts reach %s? --bind names another address"
                .formatted(
                    plan.patience().toSeconds(),
                    String.join(", ", missing),
                    coordinator.address()));
      }
      pause();
    }
  }

  private static void pause() {
    try {
      TimeUnit.MILLISECONDS.sleep(PAUSE_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CoordinatorException("interrupted while waiting for agents", e);
    }
  }

  @Override
  public JobService jobs() {
    return coordinator.jobs();
  }

  /** All agents leave at the same time, then the coordinator ends, then the secrets go. */
  @Override
  public void close() {
    agents.forEach(RemoteAgent::leave);
    agents.forEach(RemoteAgent::close);
    if (coordinator != null) {
      coordinator.close();
    }
    try (Stream<Path> files = Files.walk(credentials)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(file);
      }
    } catch (IOException e) {
      throw new UncheckedIOException("cannot delete the credentials in " + credentials, e);
    }
  }
}
