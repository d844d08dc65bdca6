package dev.trireme.launcher.rank;

import dev.trireme.api.checkpoint.CheckpointException;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.data.DataException;
import dev.trireme.api.data.DataSource;
import dev.trireme.api.engine.Engine;
import dev.trireme.api.engine.EngineException;
import dev.trireme.api.engine.Replica;
import dev.trireme.api.job.JobSpec;
import dev.trireme.api.job.ParallelSpec;
import dev.trireme.api.tensor.DeviceMemory;
import dev.trireme.data.Datasets;
import dev.trireme.launcher.rank.FormationRun.Lasting;
import dev.trireme.protocol.AgentToRank.Join;
import dev.trireme.protocol.RankReport;
import dev.trireme.protocol.StateSource;
import dev.trireme.ps.ServedFigures;
import dev.trireme.worker.rank.AgentLink;
import dev.trireme.worker.rank.RankStepCoordinator;
import dev.trireme.worker.train.RankState;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The life of a rank's process, from its first Join to its release: one formation after the other,
 * all with the same replica.
 *
 * <p>Where a collective fails, the process leaves the formation, says which step's state it holds,
 * and waits for the next one. The step in flight is thereby given up and done again. An error of
 * the rank's own ends the process: others hold the same state, and another takes its place.
 *
 * <p>Opening the data, meeting the other ranks and loading libtorch do not need each other, so they
 * go on side by side: a job's first step comes as soon as the slowest of them is done.
 */
final class RankRun {
  private static final Logger LOG = LoggerFactory.getLogger(RankRun.class);

  /**
   * A parked rank holds state that may be the only copy; its agent ends it when it is not needed.
   */
  private static final Duration PARKED_DEADLINE = Duration.ofHours(24);

  private final AgentLink link;
  private final EngineLoader engineLoader;
  private JobSpec job;
  private Join join;
  private final NcclEstate estate = new NcclEstate();
  private final Leaving leaving = new Leaving();
  private boolean started;
  private Optional<RankState> state = Optional.empty();

  RankRun(Join join, AgentLink link, EngineLoader engineLoader) {
    this.join = join;
    this.job = RankDevice.decided(join);
    this.link = link;
    this.engineLoader = engineLoader;
  }

  /** Trains and reports how it ended; returns the process's exit code. */
  int run() {
    try {
      train();
      return 0;
    } catch (EngineException e) {
      return failed(when(state.map(s -> s.progress().step())) + e.getMessage(), -1, !started);
    } catch (DataException | CheckpointException | CollectiveException e) {
      return failed(e.getMessage(), blamed(e), !started && isOfTheSpec(e, join.source()));
    } catch (Throwable e) {
      LOG.error("a bug, or the training program's own failure", e);
      return failed(e.toString(), join.rank(), false);
    }
  }

  /**
   * Whether it is the job spec or its files that are wrong, before the first step, and not the run.
   * A job that has run before has read and written with this spec: what fails then may pass.
   */
  static boolean isOfTheSpec(RuntimeException e, StateSource source) {
    return e instanceof CheckpointException
        ? source.kind() == StateSource.Kind.JOB
        : !(e instanceof CollectiveException);
  }

  /** A rank that ends of a collective ends by its own fault; the others may be the job's. */
  private int blamed(RuntimeException e) {
    return e instanceof CollectiveException ? join.rank() : -1;
  }

  /** For the head of an error of the engine, which knows of no steps. */
  static String when(Optional<Long> step) {
    return step.map(s -> s > 0 ? "after step " + s + ": " : "in the first step: ").orElse("");
  }

  private int failed(String verdict, int suspectRank, boolean usage) {
    long step = state.map(s -> s.progress().step()).orElse(0L) + 1;
    LOG.error("rank {} gives up at step {}: {}", join.rank(), step, verdict);
    link.report(new RankReport.Failed(step, verdict, suspectRank, usage));
    return 1;
  }

  private void train() throws Exception {
    job = ShippedFiles.ofUser().local(job);
    CompletableFuture<DataSource> opening = openData();
    try (FormationRun first =
            new FormationRun(join, job, link, engineLoader::awaitLibraries, estate);
        Engine engine = engineLoader.await(threads());
        DataSource data = opened(opening);
        Programs programs = Programs.of(job)) {
      trainInFormations(first, engine, data, programs);
    } finally {
      estate.close();
      closeIfOpened(opening);
    }
  }

  /** Takes part in one formation after the other, until this process is not needed any more. */
  private void trainInFormations(
      FormationRun first, Engine engine, DataSource data, Programs programs) throws Exception {
    Lasting lasting = fresh(engine, data, programs);
    try {
      takePart(first, lasting, programs);
      first.close();
      for (Optional<Join> next = nextJoin(); next.isPresent(); next = nextJoin()) {
        join = next.get();
        if (lasting.state().isTainted() && join.source().kind() != StateSource.Kind.RANK) {
          // There is no state to go on with: all begins as the job does, or from a checkpoint.
          // What is kept of NCCL could hold up the device.
          estate.close();
          lasting.close();
          lasting = fresh(engine, data, programs);
        }
        try (FormationRun formation =
            new FormationRun(join, job(join), link, engineLoader::awaitLibraries, estate)) {
          takePart(formation, lasting, programs);
        }
      }
    } finally {
      lasting.close();
    }
  }

  /** What was left to the ranks of an earlier formation is in the job by now. */
  private JobSpec job(Join next) {
    ParallelSpec parallel = next.job().parallel();
    JobSpec now = parallel.servers() > 0 ? job.withServers(parallel.servers()) : job;
    return parallel.tunesBuckets()
        ? now
        : now.withBuckets(parallel.firstBucketSize(), parallel.bucketSize());
  }

  private Lasting fresh(Engine engine, DataSource data, Programs programs) {
    Replica replica = engine.replica(job, data.training(), programs.classLoader());
    DeviceMemory memory = RankDevice.memory(job);
    RankState holds = new RankState(data.training().items(), replica.statistics(), memory);
    state = Optional.of(holds);
    ServedFigures served = new ServedFigures();
    boolean hasServers = job.parallel().servers() > 0;
    return new Lasting(
        data,
        replica,
        new RankStepCoordinator(
            join.rank(),
            data.training().items(),
            replica::nativeBytes,
            hasServers ? served::map : Map::of,
            new CheckpointSettings(job.checkpoint(), Path.of(join.runDirectory())).saveEvery(),
            link::report),
        holds,
        memory,
        served);
  }

  /** A program is made anew for each formation: what it remembers may be of a step given up. */
  private void takePart(FormationRun formation, Lasting lasting, Programs programs)
      throws Exception {
    RankState holds = lasting.state();
    try {
      leaving
          .from(
              () -> link.report(formation.train(lasting, programs.program())),
              join.rank(),
              again -> new Leaving.Standing(formation.hasStarted(), holds.isSound(), again))
          .ifPresent(broken -> park(broken, holds));
    } finally {
      started |= formation.hasStarted();
    }
  }

  private void park(CollectiveException broken, RankState holds) {
    LOG.warn(
        "rank {} leaves generation {} after step {}: {}",
        join.rank(),
        join.stamp().generation(),
        holds.progress().step(),
        broken.getMessage());
    link.report(
        new RankReport.Parked(
            holds.progress().step(),
            holds.isSound(),
            broken.getMessage(),
            broken.reason() == CollectiveException.Cause.ABORTED ? -1 : broken.suspectRank()));
  }

  private Optional<Join> nextJoin() throws InterruptedException {
    return link.awaitJoin(PARKED_DEADLINE);
  }

  /**
   * As the job says, or this rank's share of the host's cores; but one where the weights must not
   * show the number of ranks, for how a kernel splits its sums depends on its threads.
   */
  private int threads() {
    int share = Math.max(1, Runtime.getRuntime().availableProcessors() / join.localSize());
    return job.parallel()
        .threads()
        .or(job.parallel()::cores)
        .orElse(job.train().elastic() ? 1 : share);
  }

  private CompletableFuture<DataSource> openData() {
    CompletableFuture<DataSource> future = new CompletableFuture<>();
    Thread opening =
        new Thread(
            () -> {
              try {
                future.complete(Datasets.open(job.data(), job.train().seed()));
              } catch (Throwable e) {
                future.completeExceptionally(e);
              }
            },
            "data-opener");
    opening.setDaemon(true);
    opening.start();
    return future;
  }

  private static <T> T opened(CompletableFuture<T> future) {
    try {
      return future.join();
    } catch (CompletionException e) {
      if (e.getCause() instanceof RuntimeException refused) {
        throw refused;
      }
      throw e;
    }
  }

  /** Where another part failed first, nobody else will close what was opened beside it. */
  private static void closeIfOpened(CompletableFuture<? extends AutoCloseable> future)
      throws Exception {
    if (future.isDone() && !future.isCompletedExceptionally()) {
      future.join().close();
    }
  }
}
