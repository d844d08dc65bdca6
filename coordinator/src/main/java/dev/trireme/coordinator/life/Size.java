package dev.trireme.coordinator.life;

import dev.trireme.api.job.ParallelSpec;
import dev.trireme.api.job.SpecException;
import dev.trireme.api.job.WorkerCount;
import dev.trireme.coordinator.CoordinatorException;
import dev.trireme.coordinator.schedule.Share;
import dev.trireme.protocol.Stored.JobRecord;
import dev.trireme.protocol.Stored.Wish;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * How many ranks a job is to have and where, and what there is to do about it. Owned by a {@link
 * JobRun}.
 */
final class Size {
  private Wish wish;
  private Optional<List<Share>> allowed = Optional.empty();
  private final Map<String, Integer> spares = new HashMap<>();
  private boolean changing;

  /** What somebody has asked for, this coordinator or one before it; else all it can have. */
  Size(JobRecord job) {
    this.wish = job.wish().orElse(new Wish(job.job().parallel().ranks().max(), Optional.empty()));
  }

  int wanted() {
    return Math.min(wish.ranks(), allowed.map(Share::total).orElse(Integer.MAX_VALUE));
  }

  /** Somebody wants this, whatever it may have. */
  void take(Wish wanted) {
    wish = wanted;
  }

  /** These slots it may have at most, whatever somebody wants. */
  void allow(List<Share> shares) {
    allowed = Optional.of(List.copyOf(shares));
  }

  /** The slots it may have at most; empty while nobody has said. */
  Optional<List<Share>> shares() {
    return allowed;
  }

  /**
   * To be {@link #take taken} once it is kept.
   *
   * @throws CoordinatorException when the job cannot have so many
   */
  Wish ofWorkers(JobRecord job, int workers) {
    WorkerCount can = job.job().parallel().workers();
    if (workers < can.min() || workers > can.max()) {
      throw new CoordinatorException(
          job.jobId() + " can have " + can + " workers (parallel.workers), found " + workers);
    }
    int servers = wish.servers().orElse(job.job().parallel().servers());
    return new Wish(workers + servers, wish.servers());
  }

  /**
   * The next formation that changes on purpose is to have so many servers. Until then the job is
   * what it was, whatever breaks meanwhile. To be {@link #take taken} once it is kept.
   *
   * @throws CoordinatorException when the job cannot have so many
   */
  Wish ofServers(JobRecord job, int count) {
    ParallelSpec parallel = job.job().parallel();
    try {
      parallel.withServers(count);
    } catch (SpecException e) {
      throw new CoordinatorException(job.jobId() + ": " + e.getMessage());
    }
    return new Wish(parallel.workers().max() + count, Optional.of(count));
  }

  /** Servers that were asked for, where somebody has. */
  Optional<Integer> servers() {
    return wish.servers();
  }

  /** So many idle processes of an agent are ready to become ranks. */
  void spares(String agentId, int count) {
    spares.put(agentId, count);
  }

  /** Idle processes by agent. */
  Map<String, Integer> spares() {
    return Map.copyOf(spares);
  }

  /** Whether the ranks have been asked to stop, to be formed anew. */
  boolean isChanging() {
    return changing;
  }

  /** There is a new formation, which has taken the spares it wanted. */
  void formed() {
    changing = false;
    spares.clear();
  }

  /** An agent is gone, with what it had. */
  void loseAgent(String agentId) {
    spares.remove(agentId);
    allowed = allowed.map(all -> all.stream().filter(s -> !s.agentId().equals(agentId)).toList());
  }

  /**
   * Does what brings a job that runs to the number that is wanted: to grow, processes are made
   * ready first; then the ranks stop together, after one more step.
   *
   * @param held what it has
   * @return why, for people, when they have been asked to stop
   */
  Optional<String> seek(List<Share> held, FormationCommands commands) {
    int now = Share.total(held);
    if (changing || wanted() == now) {
      return Optional.empty();
    }
    boolean ready = true;
    for (Map.Entry<String, Integer> each : missing(held, wanted() - now).entrySet()) {
      if (spares.getOrDefault(each.getKey(), 0) < each.getValue()) {
        commands.prepareRanks(each.getKey(), each.getValue());
        ready = false;
      }
    }
    if (!ready) {
      return Optional.empty();
    }
    changing = true;
    commands.stopAfterStep("the formation changes");
    return Optional.of("to have " + wanted() + " ranks instead of " + now);
  }

  /** Where new ranks are to be: as was allowed; beside the first where nobody has said. */
  private Map<String, Integer> missing(List<Share> held, int count) {
    if (allowed.isEmpty() && count > 0) {
      return Map.of(held.get(0).agentId(), count);
    }
    Map<String, Integer> missing = new LinkedHashMap<>();
    int left = count;
    for (Share share : allowed.orElse(List.of())) {
      int more = Math.min(left, share.slots() - Share.on(share.agentId(), held));
      if (more > 0) {
        missing.put(share.agentId(), more);
        left -= more;
      }
    }
    return missing;
  }
}
