package dev.trireme.coordinator.control;

import dev.trireme.coordinator.CoordinatorConfig.Timing;
import dev.trireme.coordinator.life.JobRun;
import dev.trireme.coordinator.life.Time;
import dev.trireme.protocol.AgentToCoordinator.Inventory;
import dev.trireme.protocol.AgentToCoordinator.RankThere;
import dev.trireme.protocol.AgentToCoordinator.RegisterAgent;
import dev.trireme.protocol.CoordinatorToAgent;
import dev.trireme.protocol.CoordinatorToAgent.EndRanks;
import dev.trireme.protocol.Stamp;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which agents are in reach, out of reach or gone, and what each has said; the jobs are told of it.
 * Owned by {@link JobControl}.
 */
final class AgentWatch {
  private static final Logger LOG = LoggerFactory.getLogger(AgentWatch.class);

  private final LiveJobs jobs;
  private final AgentTable agents;
  private final Timing timing;
  private final Time time;
  private final LongSupplier term;
  private final BiConsumer<String, CoordinatorToAgent> out;
  private final Map<String, Hearing> hearings = new TreeMap<>();

  AgentWatch(
      LiveJobs jobs,
      AgentTable agents,
      Timing timing,
      Time time,
      LongSupplier term,
      BiConsumer<String, CoordinatorToAgent> out) {
    this.jobs = jobs;
    this.agents = agents;
    this.timing = timing;
    this.time = time;
    this.term = term;
    this.out = out;
  }

  /** What was heard of an agent; empty while it has not registered. */
  Optional<Hearing> find(String agentId) {
    return Optional.ofNullable(hearings.get(agentId));
  }

  /**
   * What was heard of the run of an agent that registers; a run of its name before it has ended its
   * ranks.
   */
  Hearing hearing(RegisterAgent agent) {
    Hearing before = hearings.get(agent.agentId());
    if (before != null && before.isOf(agent.incarnation()) && !before.isGone()) {
      return before;
    }
    if (before != null && before.isOf(agent.incarnation()) && !agent.incarnation().isEmpty()) {
      forEachJob(run -> run.onAgentBack(agent.agentId()));
      hearings.put(agent.agentId(), before.again());
      return hearings.get(agent.agentId());
    }
    if (before != null) {
      agents.remove(agent.agentId());
      forEachJob(run -> run.onAgentLost(agent.agentId(), agent.host()));
    }
    Hearing now = new Hearing(agent.incarnation());
    hearings.put(agent.agentId(), now);
    return now;
  }

  /**
   * An agent is out of reach: its ranks may go on until its lease is over.
   *
   * @return whether there was such an agent
   */
  boolean gone(String agentId) {
    Hearing hearing = hearings.get(agentId);
    if (hearing == null || timing.lease().isZero()) {
      return lost(agentId);
    }
    hearing.gone();
    Duration left =
        timing.leaseAndMargin().minusNanos(Math.max(0, time.nanos() - hearing.answeredAt()));
    Duration wait = left.isNegative() ? Duration.ZERO : left;
    Optional<RegisterAgent> removed = agents.remove(agentId);
    removed.ifPresent(a -> forEachJob(run -> run.onAgentCutOff(agentId, a.host(), wait)));
    return removed.isPresent();
  }

  /**
   * An agent has ended, and its ranks with it.
   *
   * @return whether there was such an agent
   */
  boolean lost(String agentId) {
    Optional<RegisterAgent> removed = agents.remove(agentId);
    removed.ifPresent(agent -> forEachJob(run -> run.onAgentLost(agentId, agent.host())));
    return removed.isPresent();
  }

  /** An agent has told what was before this coordinator, and who is there. */
  void onInventory(Inventory inventory) {
    String agentId = inventory.agentId();
    find(agentId).ifPresent(Hearing::complete);
    Set<String> stale = stale(inventory);
    forEachJob(
        run -> {
          if (run.onInventory(agentId, there(inventory, run))) {
            // What is ordered again, or next, may be made of those that are there.
            stale.remove(run.record().jobId());
          }
        });
    for (String jobId : stale) {
      long theirs = jobs.find(jobId).map(job -> job.run().generation()).orElse(0L);
      long highest = inventory.ranks().stream().mapToLong(RankThere::generation).max().orElse(0);
      endRanks(agentId, jobId, Math.max(theirs, highest));
    }
  }

  /** Those of a job's formation, and those that wait to become ranks of it. */
  private static Set<Integer> there(Inventory inventory, JobRun run) {
    List<RankThere> own =
        inventory.ranks().stream().filter(r -> r.jobId().equals(run.record().jobId())).toList();
    if (own.stream().noneMatch(rank -> rank.generation() == run.generation())) {
      run.onNoneThere(inventory.agentId());
    }
    Set<Integer> there = new TreeSet<>();
    own.forEach(rank -> run.numberOf(inventory.agentId(), rank).ifPresent(there::add));
    return there;
  }

  /** The jobs of which an agent has ranks, and none that is in the job's formation. */
  private Set<String> stale(Inventory inventory) {
    Set<String> stale = new TreeSet<>();
    inventory.ranks().forEach(rank -> stale.add(rank.jobId()));
    for (RankThere rank : inventory.ranks()) {
      long generation = jobs.find(rank.jobId()).map(job -> job.run().generation()).orElse(0L);
      if (generation > 0 && rank.generation() >= generation) {
        stale.remove(rank.jobId());
      }
    }
    return stale;
  }

  /** Nobody needs the ranks that an agent has of a job. */
  void endRanks(String agentId, String jobId, long itsGeneration) {
    LOG.warn("agent {} runs ranks of {}, which is over: ending them", agentId, jobId);
    Stamp stamp = new Stamp(term.getAsLong(), Math.max(0, itsGeneration));
    out.accept(agentId, new EndRanks(stamp, jobId, 0, "the job is over"));
  }

  private void forEachJob(Consumer<JobRun> action) {
    for (Job job : jobs.snapshot()) {
      jobs.guarded(job, () -> action.accept(job.run()));
    }
  }
}
