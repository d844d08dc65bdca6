package dev.trireme.launcher.rank;

import dev.trireme.allreduce.exchange.BucketedExchange;
import dev.trireme.allreduce.nccl.NcclProcessGroup;
import dev.trireme.api.checkpoint.Checkpointer;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.data.DataSource;
import dev.trireme.api.engine.Replica;
import dev.trireme.api.job.CheckpointSpec;
import dev.trireme.api.job.JobSpec;
import dev.trireme.api.job.ParallelSpec;
import dev.trireme.api.job.S3Spec;
import dev.trireme.api.tensor.DeviceMemory;
import dev.trireme.api.tensor.StateHash;
import dev.trireme.api.train.GradientExchange;
import dev.trireme.api.train.LearningRate;
import dev.trireme.api.train.Progress;
import dev.trireme.api.train.TrainingOutcome;
import dev.trireme.api.train.TrainingProgram;
import dev.trireme.checkpoint.EarlierRuns;
import dev.trireme.checkpoint.LackOfRoom;
import dev.trireme.checkpoint.LocalCheckpointer;
import dev.trireme.protocol.AgentToRank;
import dev.trireme.protocol.AgentToRank.Join;
import dev.trireme.protocol.RankReport;
import dev.trireme.protocol.StateSource;
import dev.trireme.ps.PortionedData;
import dev.trireme.ps.ServedExchange;
import dev.trireme.ps.ServedFigures;
import dev.trireme.ps.ServedReplica;
import dev.trireme.worker.rank.AgentCheckpointGate;
import dev.trireme.worker.rank.AgentLink;
import dev.trireme.worker.rank.RankStepCoordinator;
import dev.trireme.worker.train.RankContext;
import dev.trireme.worker.train.RankState;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A rank's part in one formation: everything that ends with the formation is made and closed here.
 * The replica and the data, which outlive it, are handed in.
 */
final class FormationRun implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(FormationRun.class);

  /**
   * What outlives a formation.
   *
   * @param steps knows what is committed
   * @param state knows which step's state the replica holds
   * @param memory that the replica's tensors stand in
   * @param served what the exchange with servers was like
   */
  record Lasting(
      DataSource data,
      Replica replica,
      RankStepCoordinator steps,
      RankState state,
      DeviceMemory memory,
      ServedFigures served)
      implements AutoCloseable {
    /** Frees the replica and what belongs to it; the data goes on. */
    @Override
    public void close() {
      state.close();
      replica.close();
    }
  }

  /**
   * Until all have the state: others may still load their data, or read a large checkpoint from a
   * slow place. Shorter than the coordinator's ten minutes for a formation, which does not know
   * whom the others wait for.
   */
  private static final Duration FORMING = Duration.ofMinutes(8);

  private final Join join;
  private final JobSpec job;
  private final AgentLink link;
  private final GroupOpener meeting;
  private final Optional<GroupOpener> servers;
  private final CheckpointSettings checkpoints;
  private final AgentCheckpointGate gate;
  private final LackOfRoom room = new LackOfRoom();
  private volatile Optional<RankStepCoordinator> steps = Optional.empty();
  private volatile boolean ready;

  /**
   * Starts to meet the other ranks at once.
   *
   * @param job with the device that was decided on
   * @param librariesLoaded returns once the engine's native libraries are loaded
   * @param estate what formations leave to each other
   */
  FormationRun(
      Join join, JobSpec job, AgentLink link, Runnable librariesLoaded, NcclEstate estate) {
    this.join = join;
    this.job = job;
    this.link = link;
    LOG.info("computes on {}: {}", join.backing().words(), join.backing().reason());
    Groups groups = new Groups(join);
    boolean two = job.parallel().servers() > 0 && groups.workers().network().isPresent();
    Introduction introduction = new Introduction(two ? 2 : 1, link::report);
    this.meeting =
        GroupOpener.start(
            groups.workers(), job, join, librariesLoaded, estate, link::report, introduction);
    this.servers =
        job.parallel().servers() > 0
            ? Optional.of(GroupOpener.startForMessages(groups.all(), introduction))
            : Optional.empty();
    this.checkpoints = new CheckpointSettings(job.checkpoint(), Path.of(join.runDirectory()));
    this.gate = new AgentCheckpointGate(link::report, checkpoints::pathOf);
    link.listen(this::obey);
  }

  private void obey(AgentToRank command) {
    steps.ifPresent(s -> s.onCommand(command));
    gate.onCommand(command);
    if (command instanceof AgentToRank.AbortGeneration abort) {
      meeting.abort(abort.reason());
      servers.ifPresent(s -> s.abort(abort.reason()));
    } else if (command instanceof AgentToRank.Contacts contacts) {
      meeting.dealt(contacts);
    } else if (command instanceof AgentToRank.LackRoom lack) {
      room.lasts(Duration.ofMillis(lack.millis()));
    }
  }

  /**
   * Trains until the program has ended.
   *
   * @throws dev.trireme.api.collective.CollectiveException when the formation has broken or was
   *     aborted
   */
  RankReport.Finished train(Lasting lasting, TrainingProgram program) throws Exception {
    ProcessGroup group = meeting.await();
    group.patience(FORMING);
    if (join.transport().network().isPresent() && !CheckpointSpec.isS3(checkpoints.location())) {
      String host = join.transport().network().get().host();
      SharedPlace.require(group, Path.of(checkpoints.location()), host);
    }
    TunedJob tuned =
        TunedJob.of(
            job,
            join.job(),
            join.resolvedSpec(),
            group,
            lasting.replica().parameters(),
            join.source().equals(StateSource.JOB));
    tuned.news().ifPresent(link::report);
    DeviceMemory memory = memory(group, lasting);
    try (GradientExchange exchange = exchange(group, lasting, memory, tuned.job().parallel());
        Checkpointer checkpointer =
            LocalCheckpointer.open(
                checkpoints.config(join.rank(), group.worldSize(), join.generations()),
                gate,
                room,
                memory)) {
      refuseAnothersPlace();
      Replica replica =
          exchange instanceof ServedExchange served
              ? new ServedReplica(lasting.replica(), served)
              : lasting.replica();
      DataSource data =
          exchange instanceof ServedExchange served && served.dealsPortions()
              ? new PortionedData(lasting.data(), served)
              : lasting.data();
      RankContext context =
          new RankContext(
              tuned.job(),
              tuned.resolvedSpec(),
              new RankContext.Ports(
                  replica,
                  data,
                  group,
                  exchange,
                  lasting.steps(),
                  checkpointer,
                  lasting.state(),
                  memory),
              origin(),
              (progress, from) -> {
                group.patience(Duration.ZERO);
                started(progress, from, lasting, exchange);
              });
      return finished(program.train(context), exchange, lasting);
    }
  }

  /** A run of its own directory has its place to itself. */
  private void refuseAnothersPlace() {
    CheckpointSpec spec = job.checkpoint();
    if (join.rank() == 0 && join.source().equals(StateSource.JOB) && spec.path().isPresent()) {
      EarlierRuns.refuse(
          checkpoints.location(),
          spec.s3().orElse(S3Spec.DEFAULT),
          join.stamp().generation(),
          spec.resumeFrom());
    }
  }

  /** What this formation frees must not wait for what an abort has left of it on the device. */
  private static DeviceMemory memory(ProcessGroup group, Lasting lasting) {
    return group instanceof NcclProcessGroup nccl
        ? nccl.memory(lasting.memory())
        : lasting.memory();
  }

  private GradientExchange exchange(
      ProcessGroup group, Lasting lasting, DeviceMemory memory, ParallelSpec parallel) {
    if (servers.isEmpty()) {
      return buckets(group, lasting, memory, parallel);
    }
    long items = lasting.data().training().items();
    LearningRate learningRate =
        new LearningRate(
            job.train().optimizer().lr(),
            job.train().schedule(),
            job.train().warmupSteps(),
            job.train().totalSteps(items, job.data().batchSize()));
    return new ServedExchange(
        group,
        servers.get().await(),
        lasting.replica(),
        job,
        learningRate,
        items,
        lasting.served());
  }

  private BucketedExchange buckets(
      ProcessGroup group, Lasting lasting, DeviceMemory memory, ParallelSpec parallel) {
    Replica replica = lasting.replica();
    BucketedExchange exchange =
        new BucketedExchange(
            group,
            replica.parameters(),
            replica.statistics(),
            parallel.firstBucketSize(),
            parallel.bucketSize(),
            parallel.compression(),
            memory);
    replica.bindGradients(exchange.reduced());
    return exchange;
  }

  private RankContext.Origin origin() {
    StateSource source = join.source();
    return switch (source.kind()) {
      case RANK -> new RankContext.Origin(source.rank(), true, Optional.empty(), Optional.empty());
      case CHECKPOINT ->
          new RankContext.Origin(
              0,
              false,
              Optional.of(checkpoints.location()),
              CheckpointSettings.savedStep(join.generations()));
      case JOB -> RankContext.Origin.JOB;
    };
  }

  /** Only now may a wish to stop be taken: one that came before was meant for the steps to come. */
  private void started(
      Progress progress, Optional<String> from, Lasting lasting, GradientExchange exchange) {
    boolean source = join.source().equals(StateSource.rank(join.rank()));
    lasting.steps().formed(join.rank(), progress.step(), source, exchange::wireBytes);
    steps = Optional.of(lasting.steps());
    ready = true;
    long items = lasting.data().training().items();
    int batch = job.data().batchSize();
    long perEpoch = (items + batch - 1) / batch;
    long total = job.train().totalSteps(items, batch);
    link.report(
        new RankReport.Ready(
            progress,
            from.orElse(""),
            total,
            perEpoch,
            epochs(total, perEpoch),
            lasting.replica().parameters().stream()
                .mapToLong(p -> p.tensor().data().count())
                .sum()));
  }

  /** Epochs that are begun, or the most that can be told where there are even more. */
  static int epochs(long steps, long perEpoch) {
    return (int) Math.min(Integer.MAX_VALUE, (steps - 1) / perEpoch + 1);
  }

  private RankReport.Finished finished(
      TrainingOutcome outcome, GradientExchange exchange, Lasting lasting) {
    Map<String, Double> metrics = new HashMap<>(outcome.metrics());
    if (exchange instanceof ServedExchange served) {
      metrics.putAll(served.figures());
    }
    return new RankReport.Finished(
        outcome.progress(),
        outcome.progress().cursor().epoch(),
        outcome.stopped(),
        metrics,
        StateHash.of(lasting.replica().modelState(), lasting.memory()),
        lasting.steps().samplesPerSecond());
  }

  /** Whether this rank ever got the state of this formation. */
  boolean hasStarted() {
    return ready;
  }

  /** Frees what the ranks shared; the replica must not be used until it is bound anew. */
  @Override
  public void close() {
    gate.leave();
    meeting.close();
    servers.ifPresent(GroupOpener::close);
  }
}
