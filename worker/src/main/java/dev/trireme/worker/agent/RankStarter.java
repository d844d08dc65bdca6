package dev.trireme.worker.agent;

import dev.trireme.api.job.ParallelSpec;
import dev.trireme.protocol.AgentToCoordinator;
import dev.trireme.protocol.AgentToCoordinator.RankExit;
import dev.trireme.protocol.AgentToCoordinator.RankExited;
import dev.trireme.protocol.AgentToCoordinator.RankStarted;
import dev.trireme.protocol.AgentToCoordinator.RanksRefused;
import dev.trireme.protocol.AgentToCoordinator.SparesReady;
import dev.trireme.protocol.AgentToRank;
import dev.trireme.protocol.AgentToRank.Join;
import dev.trireme.protocol.AgentToRank.Transport;
import dev.trireme.protocol.CoordinatorToAgent.PrepareRanks;
import dev.trireme.protocol.CoordinatorToAgent.StartRanks;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes ranks of processes: of those that survived the formation before, of idle ones, or of new
 * ones, and ends what the new formation does without.
 *
 * <p>Threading: the supervisor's thread alone. Blocking: no longer than a process takes to be
 * started.
 */
final class RankStarter {
  private static final Logger LOG = LoggerFactory.getLogger(RankStarter.class);

  /** What processes have to end by themselves when the next formation does without them. */
  private static final long REPLACED_NANOS = TimeUnit.SECONDS.toNanos(2);

  /** Starts a process that is none of the ranks yet. */
  @FunctionalInterface
  interface Spawning {
    /**
     * @param threads that it computes with; empty for as many as libtorch takes
     */
    Child spawn(OptionalInt threads) throws IOException;
  }

  private final AgentConfig config;
  private final Children children;
  private final Formations formations;
  private final Spawning spawning;
  private final HarmOrders harms;
  private final Consumer<AgentToCoordinator> out;
  private Optional<PrepareRanks> sparesWantedBy = Optional.empty();
  private boolean closing;

  RankStarter(
      AgentConfig config,
      Children children,
      Formations formations,
      Spawning spawning,
      HarmOrders harms,
      Consumer<AgentToCoordinator> out) {
    this.config = config;
    this.children = children;
    this.formations = formations;
    this.spawning = spawning;
    this.harms = harms;
    this.out = out;
  }

  /** Starts no process and makes no rank from now on. */
  void close() {
    closing = true;
  }

  /** Starts a process that waits for an order. */
  void startIdle() {
    try {
      spawning.spawn(config.rankThreads());
    } catch (IOException | RuntimeException e) {
      LOG.error("cannot start a rank's process: {}", e.toString());
    }
  }

  /** Starts idle processes until there are as many as are wanted and fit. */
  void prepare(PrepareRanks command) {
    sparesWantedBy = Optional.of(command);
    int idle = children.idle();
    long free = config.slots() - children.taken() - idle;
    for (int i = idle; i < command.count() && free > 0 && !closing; i++, free--) {
      startIdle();
    }
    tellSpares();
  }

  /** Tells who wanted idle processes how many of them are ready. */
  void tellSpares() {
    sparesWantedBy.ifPresent(
        wanted -> {
          int ready = children.ready();
          if (ready > 0) {
            int count = Math.min(ready, wanted.count());
            out.accept(new SparesReady(config.agentId(), wanted.jobId(), count));
          }
        });
  }

  /** Makes ranks of the order's, or refuses them all where the host lacks what new ones need. */
  void start(StartRanks command) {
    // Who survives has read its files, and goes on without them.
    List<String> lacking =
        children.needsProcess(command) ? config.check().lacking(command) : List.of();
    if (!lacking.isEmpty()) {
      refuse(command, String.join(", ", lacking));
      return;
    }
    endReplaced(command);
    for (int local = 0; local < command.ranks().size(); local++) {
      int rank = command.ranks().get(local);
      if (children.find(command.jobId(), command.stamp(), rank).isPresent()) {
        continue; // The command was sent twice.
      }
      try {
        startRank(command, rank, local);
      } catch (IOException | RuntimeException e) {
        String why = "could not be started: " + e.getMessage();
        LOG.error("rank {} of job {} {}", rank, command.jobId(), why);
        exited(command.jobId(), command.stamp().generation(), rank, notStarted(why));
      }
    }
  }

  /**
   * Whoever of the job was here before is of no use either, but for those that were to go on: they
   * hold state, and wait for the coordinator to decide about them.
   */
  private void refuse(StartRanks command, String why) {
    LOG.error("job {} cannot have new ranks here, for it lacks {}", command.jobId(), why);
    for (Child child : children.endedBy(command)) {
      child.requestEnd(System.nanoTime() + REPLACED_NANOS, "its files are gone: " + why);
      child.tell(new AgentToRank.Release());
    }
    out.accept(
        new RanksRefused(
            config.agentId(), command.jobId(), command.stamp().generation(), "lacks " + why));
  }

  /** What an older formation of the job has here and the new one does not take over. */
  private void endReplaced(StartRanks command) {
    sparesWantedBy = Optional.empty();
    String why = "generation " + command.stamp().generation() + " does without it";
    for (Child child : children.endedBy(command)) {
      child.requestEnd(System.nanoTime() + REPLACED_NANOS, why);
      child.tell(new AgentToRank.Release());
    }
  }

  private static RankExit notStarted(String why) {
    return new RankExit(-1, -1, false, why, List.of());
  }

  private void startRank(StartRanks command, int rank, int local) throws IOException {
    Optional<Child> survivor = children.survivor(command, rank);
    if (survivor.isEmpty() && command.survivors().stream().anyMatch(s -> s.rank() == rank)) {
      // A new process in its place would be taken for one that holds the state.
      throw new IOException("the process that was to become it is gone");
    }
    if (closing || survivor.isEmpty() && children.taken() >= config.slots()) {
      throw new IOException(
          closing
              ? "agent " + config.agentId() + " is shutting down"
              : "all " + config.slots() + " slots of agent " + config.agentId() + " are taken");
    }
    Optional<Child> there = survivor.or(children::warmest);
    Child child = there.isPresent() ? there.get() : spawning.spawn(threads(command));
    Transport transport = formations.enter(child, command);
    // Only now: it may have been the last to hold what the old formation shared.
    child.join().ifPresent(old -> formations.leave(child, old));
    Path log = Path.of(command.runDirectory(), "logs", "rank-" + rank + ".log");
    try {
      if (child.join().filter(old -> old.rank() == rank).isEmpty()) {
        child.process().log().assign(log);
      }
    } catch (IOException e) {
      LOG.error("rank {} has no log: cannot write {} ({})", rank, log, e.toString());
    }
    child.become(
        new Join(
            command.stamp(),
            command.jobId(),
            command.job(),
            command.resolvedSpec(),
            command.runDirectory(),
            rank,
            local,
            command.ranks().size(),
            command.worldSize(),
            transport,
            command.source(),
            command.backing(),
            command.generations()));
    harms.onJoin(child, child.join().orElseThrow());
    out.accept(
        new RankStarted(
            config.agentId(),
            command.jobId(),
            command.stamp().generation(),
            rank,
            child.process().pid()));
  }

  private OptionalInt threads(StartRanks command) {
    int share = Math.max(1, config.cores() / command.ranks().size());
    ParallelSpec parallel = command.job().parallel();
    return OptionalInt.of(parallel.threads().or(parallel::cores).orElse(share));
  }

  private void exited(String jobId, long generation, int rank, RankExit exit) {
    out.accept(new RankExited(config.agentId(), jobId, generation, rank, exit));
  }
}
