package dev.trireme.worker.agent.plane;

import dev.trireme.protocol.AgentToCoordinator;
import dev.trireme.protocol.AgentToCoordinator.LeaseOver;
import dev.trireme.protocol.AgentToCoordinator.RankThere;
import dev.trireme.protocol.AgentToCoordinator.RegisterAgent;
import dev.trireme.protocol.AgentToCoordinator.Said;
import dev.trireme.protocol.AgentToRank;
import dev.trireme.protocol.CoordinatorToAgent;
import dev.trireme.protocol.CoordinatorToAgent.AgentAccepted;
import dev.trireme.protocol.CoordinatorToAgent.EndRanks;
import dev.trireme.protocol.CoordinatorToAgent.Heard;
import dev.trireme.protocol.CoordinatorToAgent.TellRanks;
import dev.trireme.protocol.Stamp;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;

/**
 * An agent's dealings with whoever is the active coordinator: what it tells whom, and what becomes
 * of its ranks when nobody answers for longer than their lease.
 *
 * <p>Ranks that a lease stops have finished for their formation and keep their state, so the next
 * coordinator forms them anew from it: a step boundary is where all of them can stop together.
 *
 * <p>Times are passed in. Threading: any; nothing blocks for long.
 */
public final class Session {
  /** One formation's ranks here. */
  private record Group(String jobId, long generation) {}

  private final String agentId;
  private final String incarnation;
  private final Outbox outbox;
  private final Lease lease = new Lease();
  private long term;
  private Lease.Ruling ruled = Lease.Ruling.GO_ON;

  /**
   * @param incarnation tells this run of the agent from others under its name
   */
  public Session(String agentId, String incarnation) {
    this.agentId = agentId;
    this.incarnation = incarnation;
    this.outbox = new Outbox(agentId, incarnation);
  }

  /** Of an agent that has just started. */
  public static Session fresh(String agentId) {
    return new Session(agentId, HexFormat.of().toHexDigits(ThreadLocalRandom.current().nextLong()));
  }

  /** The registration as it is to be sent at this time. */
  public RegisterAgent registration(RegisterAgent agent, long nanoTime) {
    return agent.sent(incarnation, nanoTime);
  }

  /** The agent has something to say. */
  public synchronized void say(AgentToCoordinator message) {
    outbox.add(message);
  }

  /** A coordinator has answered a registration; one whose term is over counts for nothing. */
  public synchronized void onAccepted(AgentAccepted answer, long nanoTime) {
    if (answer.stamp().term() < term) {
      return;
    }
    term = answer.stamp().term();
    lease.renewed(answer.sentNanos(), Duration.ofMillis(answer.leaseMillis()));
    outbox.accepted(answer.coordinatorId(), nanoTime);
  }

  /** A coordinator has recorded something. */
  public synchronized void onHeard(Heard heard, long nanoTime) {
    if (heard.stamp().term() == term) {
      outbox.heard(heard.number(), nanoTime);
    }
  }

  /** What is to be sent to the coordinator now. */
  public synchronized List<Said> due(long nanoTime) {
    return outbox.due(nanoTime);
  }

  /**
   * What the ranks are to be told at this time, for want of a lease; nothing while there is one.
   */
  public synchronized List<CoordinatorToAgent> onTime(long nanoTime) {
    Lease.Ruling ruling = lease.rule(nanoTime);
    List<CoordinatorToAgent> commands = new ArrayList<>();
    // Each stage once, none left out: a thread that was not run for long finds several over.
    for (Lease.Ruling stage : Lease.Ruling.values()) {
      if (stage.compareTo(ruled) > 0 && stage.compareTo(ruling) <= 0) {
        stepping().forEach((group, ranks) -> commands.add(command(stage, group, ranks)));
      }
    }
    if (ruling == Lease.Ruling.KILL && ruled == ruling) {
      // Whoever was started by a command that came late.
      stepping().forEach((group, ranks) -> commands.add(command(ruling, group, ranks)));
    }
    ruled = ruling;
    return commands;
  }

  /** The ranks that may still step, by formation. */
  private Map<Group, List<Integer>> stepping() {
    Map<Group, List<Integer>> groups = new LinkedHashMap<>();
    for (RankThere rank : outbox.ranks()) {
      if (!outbox.isOut(rank)) {
        groups
            .computeIfAbsent(new Group(rank.jobId(), rank.generation()), g -> new ArrayList<>())
            .add(rank.rank());
      }
    }
    return groups;
  }

  private CoordinatorToAgent command(Lease.Ruling stage, Group group, List<Integer> ranks) {
    Stamp stamp = new Stamp(term, group.generation());
    String why = "no coordinator has answered agent " + agentId + " for as long as its lease";
    return switch (stage) {
      case STOP -> {
        outbox.add(new LeaseOver(agentId, group.jobId(), group.generation()));
        yield new TellRanks(stamp, group.jobId(), ranks, new AgentToRank.StopAfterStep(stamp, why));
      }
      case ABORT ->
          new TellRanks(stamp, group.jobId(), ranks, new AgentToRank.AbortGeneration(stamp, why));
      default -> new EndRanks(stamp, group.jobId(), 0, why, ranks);
    };
  }
}
