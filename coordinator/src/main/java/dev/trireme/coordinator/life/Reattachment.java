package dev.trireme.coordinator.life;

import dev.trireme.coordinator.life.Deadlines.Wait;
import dev.trireme.protocol.AgentToCoordinator.RankExit;
import dev.trireme.protocol.JobState;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * How a job goes on under another coordinator while its ranks step: the formation is taken from its
 * record, and each agent tells again how its ranks stand, as it told the coordinator before, and
 * then which of them are there. What was ordered and never came is ordered again. An agent that
 * does not come within its lease and a margin is lost, and its ranks with it. Owned by a {@link
 * JobRun}.
 */
final class Reattachment {
  private final LifeState life;
  private final Breaking breaking;
  private final Ending ending;
  private final Set<String> awaited = new HashSet<>();
  private boolean happened;
  private long othersUntil;

  Reattachment(LifeState life, Breaking breaking, Ending ending) {
    this.life = life;
    this.breaking = breaking;
    this.ending = ending;
  }

  /** Whether agents are still to tell what became of the ranks. */
  boolean isUnderWay() {
    return !awaited.isEmpty();
  }

  /** Whether this formation was another coordinator's, whose wishes are not all known. */
  boolean happened() {
    return happened;
  }

  /**
   * Whether agents that have no ranks of the job may only not have come to this coordinator yet,
   * for which it waits then.
   */
  boolean awaitsOthers() {
    long left = othersUntil - life.time().nanos();
    if (happened && left > 0) {
      life.deadlines().begin(Wait.OTHERS, Duration.ofNanos(left));
    }
    return happened && left > 0;
  }

  /** There is a new formation, of this coordinator's own. */
  void formed() {
    awaited.clear();
    happened = false;
  }

  /** Agents are awaited. */
  void begin(String reason) {
    happened = true;
    life.formation().agents().forEach(awaited::add);
    othersUntil = life.time().nanos() + life.timing().leaseAndMargin().toNanos();
    life.deadlines().begin(Wait.REATTACH, life.timing().leaseAndMargin());
    if (life.is(JobState.STARTING)) {
      life.deadlines().begin(Wait.START, life.timing().start());
    }
    life.move(life.state(), reason);
  }

  /**
   * An agent has said all, and has no rank of this formation. Where that is given up already, the
   * order is not sent again: survivors that it was for wait there still.
   */
  void onNoneThere(String agentId) {
    if (life.isFormed() && awaited.contains(agentId) && life.is(JobState.RECOVERING)) {
      life.formation().neverOrdered(agentId);
    }
  }

  /**
   * An agent has said all; of its ranks these are there.
   *
   * @return whether they were ordered again
   */
  boolean onInventory(String agentId, Set<Integer> there) {
    if (!life.isFormed() || !awaited.remove(agentId)) {
      return false; // What this coordinator has ordered meanwhile, the agent may not have heard of.
    }
    List<Integer> missing =
        life.formation().which(r -> r.agentId().equals(agentId) && !r.isGone()).stream()
            .filter(r -> !there.contains(r))
            .toList();
    boolean again = life.is(JobState.STARTING) && there.isEmpty() && !missing.isEmpty();
    if (again) {
      order(agentId);
    } else {
      missing.forEach(this::onMissing);
    }
    if (awaited.isEmpty()) {
      onAllHeard();
    } else if (life.is(JobState.RECOVERING)) {
      breaking.abortAgain();
    }
    return again;
  }

  /** An agent is lost. */
  void onAgentLost(String agentId) {
    if (awaited.remove(agentId) && awaited.isEmpty()) {
      onAllHeard();
    }
  }

  /** The agents that have not come. */
  Set<String> awaited() {
    return Set.copyOf(awaited);
  }

  private void order(String agentId) {
    life.record().formation().ifPresent(f -> life.commands().startRanksOf(agentId, f));
  }

  private void onMissing(int rank) {
    life.formation()
        .rank(rank)
        .ifPresent(
            r -> {
              r.ended();
              breaking.onEvidence(
                  new Evidence.Exit(
                      rank,
                      new RankExit(
                          r.pid(),
                          -1,
                          false,
                          "its process was gone when its agent was heard again",
                          List.of())));
              ending.endIfAllGone();
            });
  }

  /**
   * It is known what became of all ranks: what the coordinator before was about is gone on with.
   */
  private void onAllHeard() {
    life.deadlines().end(Wait.REATTACH);
    if (life.isSettled()) {
      ending.endRanks(life.timing().endGrace(), life.record().reason());
    } else if (life.is(JobState.RECOVERING)) {
      breaking.leaveAgain();
    } else if (life.is(JobState.STOPPING)) {
      String reason = life.cancelled().orElse(life.record().reason());
      life.commands().stopAfterStep(reason);
      life.deadlines().begin(Wait.CANCEL, life.timing().cancelGrace());
    }
  }
}
