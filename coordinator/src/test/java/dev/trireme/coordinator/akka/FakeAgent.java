package dev.trireme.coordinator.akka;

import akka.actor.Address;
import akka.actor.typed.ActorRef;
import akka.actor.typed.ActorSystem;
import akka.actor.typed.Behavior;
import akka.actor.typed.javadsl.Behaviors;
import akka.cluster.typed.Cluster;
import akka.cluster.typed.Join;
import dev.trireme.api.data.Cursor;
import dev.trireme.api.train.Progress;
import dev.trireme.protocol.AgentToCoordinator;
import dev.trireme.protocol.AgentToCoordinator.FromRank;
import dev.trireme.protocol.AgentToCoordinator.Leaving;
import dev.trireme.protocol.AgentToCoordinator.RankExit;
import dev.trireme.protocol.AgentToCoordinator.RankExited;
import dev.trireme.protocol.AgentToCoordinator.RankStarted;
import dev.trireme.protocol.AgentToCoordinator.RegisterAgent;
import dev.trireme.protocol.AgentToRank;
import dev.trireme.protocol.CoordinatorToAgent;
import dev.trireme.protocol.CoordinatorToAgent.AgentAccepted;
import dev.trireme.protocol.CoordinatorToAgent.EndRanks;
import dev.trireme.protocol.CoordinatorToAgent.StartRanks;
import dev.trireme.protocol.CoordinatorToAgent.TellRanks;
import dev.trireme.protocol.RankReport;
import dev.trireme.protocol.akka.ControlPlane;
import dev.trireme.protocol.akka.CoordinatorInbox;
import dev.trireme.protocol.akka.ToCoordinator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * An agent in an actor system of its own whose ranks are made up: they are ready at once, and do
 * what the test says.
 */
final class FakeAgent implements AutoCloseable {
  static final long TOTAL_STEPS = 20;
  private static final long FIRST_PID = 4000;

  private final String id;
  private final ActorSystem<CoordinatorToAgent> system;
  private final ActorRef<CoordinatorInbox> coordinator;
  private final Map<Integer, Boolean> alive = new TreeMap<>();
  private final CompletableFuture<AgentAccepted> accepted = new CompletableFuture<>();
  final BlockingQueue<CoordinatorToAgent> received = new LinkedBlockingQueue<>();

  FakeAgent(String id, int slots, String coordinatorAddress) {
    this.id = id;
    system =
        ActorSystem.create(
            behaviour(),
            ControlPlane.SYSTEM,
            ControlPlane.settings(ControlPlane.AGENT_ROLE, "127.0.0.1", 0));
    coordinator = ControlPlane.coordinator(system);
    String[] hostAndPort = coordinatorAddress.split(":");
    Cluster.get(system)
        .manager()
        .tell(
            Join.create(
                new Address(
                    "akka",
                    ControlPlane.SYSTEM,
                    hostAndPort[0],
                    Integer.parseInt(hostAndPort[1]))));
    say(new RegisterAgent(id, "host-" + id, slots, 2, 0, 0));
  }

  AgentAccepted awaitAccepted() throws Exception {
    return accepted.get(20, TimeUnit.SECONDS);
  }

  private Behavior<CoordinatorToAgent> behaviour() {
    return Behaviors.receiveMessage(
        message -> {
          received.add(message);
          if (message instanceof AgentAccepted answer) {
            accepted.complete(answer);
          } else if (message instanceof StartRanks start) {
            start.ranks().forEach(rank -> start(start, rank));
          } else if (message instanceof TellRanks tell
              && tell.command() instanceof AgentToRank.Release) {
            exitAll(tell.jobId(), tell.stamp().generation());
          } else if (message instanceof EndRanks end) {
            exitAll(end.jobId(), end.stamp().generation());
          }
          return Behaviors.same();
        });
  }

  private synchronized void start(StartRanks start, int rank) {
    alive.put(rank, true);
    long generation = start.stamp().generation();
    say(new RankStarted(id, start.jobId(), generation, rank, FIRST_PID + rank));
    report(
        start.jobId(),
        generation,
        rank,
        new RankReport.Ready(Progress.START, "", TOTAL_STEPS, 10, 2, 1000));
  }

  private synchronized void exitAll(String jobId, long generation) {
    alive.forEach(
        (rank, there) -> {
          if (there) {
            exited(jobId, generation, rank, 0, true, "exit code 0");
          }
        });
    alive.clear();
  }

  /** A rank's process is killed. */
  synchronized void kill(String jobId, long generation, int rank) {
    alive.put(rank, false);
    exited(jobId, generation, rank, 137, false, "killed by SIGKILL");
  }

  private void exited(
      String jobId, long generation, int rank, int code, boolean expected, String description) {
    RankExit exit =
        new RankExit(
            FIRST_PID + rank, code, expected, description, List.of("line of rank " + rank));
    say(new RankExited(id, jobId, generation, rank, exit));
  }

  void commit(String jobId, long generation, long step) {
    report(
        jobId,
        generation,
        0,
        new RankReport.Committed(
            step, new Cursor(0, 0), 100, 2.25, 0.1, Double.NaN, 1 << 20, 10, 40));
  }

  void finish(String jobId, long generation, int rank, String hash) {
    report(
        jobId,
        generation,
        rank,
        new RankReport.Finished(
            new Progress(TOTAL_STEPS, new Cursor(2, 0)),
            2,
            false,
            Map.of("loss", 0.5, "accuracy", 0.75),
            hash,
            1234.5));
  }

  void report(String jobId, long generation, int rank, RankReport report) {
    say(new FromRank(id, jobId, generation, rank, report));
  }

  private void say(AgentToCoordinator message) {
    coordinator.tell(new ToCoordinator(message, system));
  }

  @Override
  public void close() {
    say(new Leaving(id));
    system.terminate();
    system.getWhenTerminated().toCompletableFuture().join();
  }
}
