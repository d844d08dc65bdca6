package dev.trireme.launcher.rank;

import dev.trireme.allreduce.AeronProcessGroup;
import dev.trireme.allreduce.GroupConfig;
import dev.trireme.allreduce.exchange.BucketedExchange;
import dev.trireme.allreduce.group.AlgorithmTable;
import dev.trireme.api.checkpoint.CheckpointException;
import dev.trireme.api.checkpoint.Checkpointer;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.data.DataException;
import dev.trireme.api.data.DataSource;
import dev.trireme.api.engine.Engine;
import dev.trireme.api.engine.EngineException;
import dev.trireme.api.engine.Replica;
import dev.trireme.api.job.CompressionSpec;
import dev.trireme.api.job.JobSpec;
import dev.trireme.api.tensor.StateHash;
import dev.trireme.api.train.Progress;
import dev.trireme.api.train.TrainingOutcome;
import dev.trireme.api.train.TrainingProgram;
import dev.trireme.checkpoint.LocalCheckpointer;
import dev.trireme.data.Datasets;
import dev.trireme.protocol.AgentToRank;
import dev.trireme.protocol.AgentToRank.Join;
import dev.trireme.protocol.RankReport;
import dev.trireme.worker.rank.AgentCheckpointGate;
import dev.trireme.worker.rank.AgentLink;
import dev.trireme.worker.rank.RankStepCoordinator;
import dev.trireme.worker.train.RankContext;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One rank's part in one formation, from Join to the final report.
 *
 * <p>Opening the data, meeting the other ranks and loading libtorch do not need each other, so they
 * go on side by side: a job's first step comes as soon as the slowest of them is done.
 */
final class RankRun {
  private static final Logger log = LoggerFactory.getLogger(RankRun.class);

  private final Join join;
  private final JobSpec job;
  private final AgentLink link;
  private final EngineLoader engineLoader;
  private volatile boolean started;
  private volatile long firstUnappliedStep = 1;

  RankRun(Join join, AgentLink link, EngineLoader engineLoader) {
    this.join = join;
    this.job = join.job();
    this.link = link;
    this.engineLoader = engineLoader;
  }

  /** Trains and reports how it ended; returns the process's exit code. */
  int run() {
    try {
      link.report(train());
      return 0;
    } catch (CollectiveException e) {
      return failed(e.getMessage(), e.suspectRank(), false);
    } catch (DataException | EngineException | CheckpointException e) {
      // Before the first step it is the job spec or its files that are wrong, not the run.
      return failed(e.getMessage(), -1, !started);
    } catch (Throwable e) {
      log.error("a bug, or the training program's own failure", e);
      return failed(e.toString(), join.rank(), false);
    }
  }

  private int failed(String verdict, int suspectRank, boolean usage) {
    log.error("rank {} gives up at step {}: {}", join.rank(), firstUnappliedStep, verdict);
    link.report(new RankReport.Failed(firstUnappliedStep, verdict, suspectRank, usage));
    return 1;
  }

  private RankReport.Finished train() throws Exception {
    CompletableFuture<DataSource> opening =
        async("data-opener", () -> Datasets.open(job.data(), job.train().seed()));
    CompletableFuture<ProcessGroup> meeting = async("group-opener", this::join);
    try (Engine engine = engineLoader.await(threads());
        DataSource data = opened(opening);
        Programs programs = Programs.of(job);
        Replica replica = engine.replica(job, data.training(), programs.classLoader());
        ProcessGroup group = opened(meeting);
        BucketedExchange exchange = exchange(group, replica)) {
      return train(data, replica, group, exchange, programs.program());
    } finally {
      closeIfOpened(opening);
      closeIfOpened(meeting);
    }
  }

  private BucketedExchange exchange(ProcessGroup group, Replica replica) {
    BucketedExchange exchange =
        new BucketedExchange(
            group,
            replica.parameters(),
            replica.statistics(),
            job.parallel().firstBucketSize(),
            job.parallel().bucketSize(),
            job.parallel().compression());
    if (!(job.parallel().compression() instanceof CompressionSpec.None)) {
      log.info(
          "compression: {} bytes of gradients are reduced a step in place of {}",
          exchange.bytesPerStep(),
          exchange.plainBytesPerStep());
    }
    replica.bindGradients(exchange.reduced());
    return exchange;
  }

  private RankReport.Finished train(
      DataSource data,
      Replica replica,
      ProcessGroup group,
      BucketedExchange exchange,
      TrainingProgram program)
      throws Exception {
    CheckpointSettings settings =
        new CheckpointSettings(job.checkpoint(), Path.of(join.runDirectory()));
    AgentCheckpointGate gate = new AgentCheckpointGate(link::report, settings::pathOf);
    RankStepCoordinator steps =
        new RankStepCoordinator(
            join.rank(),
            data.training().items(),
            replica::nativeBytes,
            settings.saveEvery(),
            link::report);
    link.listen(
        command -> {
          steps.onCommand(command);
          gate.onCommand(command);
          if (command instanceof AgentToRank.AbortGeneration abort) {
            group.abort(abort.reason());
          }
        });
    try (Checkpointer checkpointer =
        LocalCheckpointer.open(settings.config(join.rank(), join.worldSize()), gate)) {
      RankContext context =
          new RankContext(
              job,
              join.resolvedSpec(),
              new RankContext.Ports(replica, data, group, exchange, steps, checkpointer),
              (progress, from) -> started(progress, from, data, replica));
      TrainingOutcome outcome = program.train(context);
      return finished(outcome, steps, replica);
    }
  }

  private void started(Progress progress, Optional<String> from, DataSource data, Replica replica) {
    started = true;
    firstUnappliedStep = progress.step() + 1;
    long items = data.training().items();
    int batch = job.data().batchSize();
    long perEpoch = (items + batch - 1) / batch;
    long total = job.train().totalSteps(items, batch);
    link.report(
        new RankReport.Ready(
            progress,
            from.orElse(""),
            total,
            perEpoch,
            Math.toIntExact((total + perEpoch - 1) / perEpoch),
            replica.parameters().stream().mapToLong(p -> p.tensor().data().count()).sum()));
  }

  private RankReport.Finished finished(
      TrainingOutcome outcome, RankStepCoordinator steps, Replica replica) {
    return new RankReport.Finished(
        outcome.progress(),
        outcome.progress().cursor().epoch(),
        outcome.stopped(),
        outcome.metrics(),
        StateHash.of(replica.modelState()),
        steps.samplesPerSecond());
  }

  /**
   * As the job says, or this rank's share of the host's cores; but one where the weights must not
   * show the number of ranks, for how a kernel splits its sums depends on its threads.
   */
  private int threads() {
    int share = Math.max(1, Runtime.getRuntime().availableProcessors() / join.localSize());
    return job.parallel().threads().orElse(job.train().elastic() ? 1 : share);
  }

  private ProcessGroup join() {
    return job.train().elastic()
        ? AeronProcessGroup.joinForElasticSums(groupConfig())
        : AeronProcessGroup.join(groupConfig(), AlgorithmTable.of(job.parallel().algorithms()));
  }

  private GroupConfig groupConfig() {
    AgentToRank.Transport transport = join.transport();
    return new GroupConfig(
        join.rank(),
        join.worldSize(),
        join.stamp().generation(),
        Path.of(transport.aeronDirectory()),
        Path.of(transport.sharedDirectory()),
        transport.streamBase(),
        transport.streamCount(),
        transport.formation(),
        Duration.ofNanos((long) (job.parallel().timeoutSeconds() * 1e9)));
  }

  private static <T> CompletableFuture<T> async(
      String thread, java.util.function.Supplier<T> opener) {
    CompletableFuture<T> future = new CompletableFuture<>();
    Thread opening =
        new Thread(
            () -> {
              try {
                future.complete(opener.get());
              } catch (Throwable e) {
                future.completeExceptionally(e);
              }
            },
            thread);
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
