package dev.trireme.worker.train;

import dev.trireme.api.checkpoint.CheckpointContent;
import dev.trireme.api.checkpoint.CheckpointException;
import dev.trireme.api.checkpoint.Checkpointer;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.data.Batch;
import dev.trireme.api.data.Cursor;
import dev.trireme.api.data.DataSource;
import dev.trireme.api.data.Share;
import dev.trireme.api.engine.Loss;
import dev.trireme.api.engine.Replica;
import dev.trireme.api.job.CheckpointSpec;
import dev.trireme.api.job.JobSpec;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.DeviceMemory;
import dev.trireme.api.tensor.NamedTensor;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import dev.trireme.api.train.BatchPart;
import dev.trireme.api.train.GradientExchange;
import dev.trireme.api.train.LearningRate;
import dev.trireme.api.train.Progress;
import dev.trireme.api.train.StateLostException;
import dev.trireme.api.train.StepCoordinator;
import dev.trireme.api.train.TrainingContext;
import java.nio.ByteBuffer;
import java.nio.DoubleBuffer;
import java.nio.LongBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The training context of one rank in one formation, put together from the ports. It owns none of
 * them.
 */
public final class RankContext implements TrainingContext {
  private static final Logger LOG = LoggerFactory.getLogger(RankContext.class);

  private final Ports ports;
  private final Replica replica;
  private final StepCoordinator steps;
  private final Origin origin;
  private final StartListener onStart;
  private final JobSpec job;
  private final String resolvedSpec;
  private final Deal deal;
  private final LearningRate learningRate;
  private final List<NamedTensor> state;
  private final TensorBuffer progressBuffer;
  private final TensorBuffer lossBuffer;
  private Optional<String> restoredFrom = Optional.empty();
  private long restoredStep = -1;
  private long savedStep = -1;

  /**
   * What a rank computes and speaks with; opened and closed by whoever wires it.
   *
   * @param exchange already bound to {@code replica}
   * @param state which step's state the replica holds
   * @param memory that the replica's state stands in
   */
  public record Ports(
      Replica replica,
      DataSource data,
      ProcessGroup group,
      GradientExchange exchange,
      StepCoordinator steps,
      Checkpointer checkpointer,
      RankState state,
      DeviceMemory memory) {
    /** On the CPU. */
    public Ports(
        Replica replica,
        DataSource data,
        ProcessGroup group,
        GradientExchange exchange,
        StepCoordinator steps,
        Checkpointer checkpointer,
        RankState state) {
      this(replica, data, group, exchange, steps, checkpointer, state, DeviceMemory.HOST);
    }
  }

  /**
   * Where a formation's state comes from.
   *
   * @param root the rank that holds or restores it and gives it to the others
   * @param held whether that rank's replica holds it; else it restores it
   * @param ownCheckpoints where this run's checkpoints lie, when the newest of them is to be tried
   *     before {@code checkpoint.resumeFrom}
   * @param savedStep a step of which this run is known to have a checkpoint there, so that to find
   *     none is no reason to begin anew
   */
  public record Origin(
      int root, boolean held, Optional<String> ownCheckpoints, Optional<Long> savedStep) {
    /** As the job says: a checkpoint, or fresh weights. */
    public static final Origin JOB = new Origin(0, false, Optional.empty(), Optional.empty());
  }

  /** Hears once that this rank has the state that all ranks start from. */
  @FunctionalInterface
  public interface StartListener {
    /**
     * @param progress to continue from
     * @param restoredFrom the checkpoint that this rank restored; empty on ranks that were sent it
     */
    void started(Progress progress, Optional<String> restoredFrom);
  }

  /**
   * @param resolvedSpec {@code job} as YAML, for the checkpoints
   */
  public RankContext(
      JobSpec job, String resolvedSpec, Ports ports, Origin origin, StartListener onStart) {
    this.replica = new TrackedReplica(ports.replica(), ports.state(), ports.group());
    this.steps = new TrackedSteps(ports.steps(), ports.state());
    this.origin = origin;
    this.onStart = onStart;
    this.job = job;
    this.resolvedSpec = resolvedSpec;
    this.ports = ports;
    this.deal = new Deal(job);
    this.learningRate =
        new LearningRate(
            job.train().optimizer().lr(),
            job.train().schedule(),
            job.train().warmupSteps(),
            job.train().totalSteps(ports.data().training().items(), job.data().batchSize()));
    this.state = stateDict(ports.replica());
    this.progressBuffer = ports.group().allocate(DType.INT64, 4);
    this.lossBuffer = ports.group().allocate(DType.FLOAT64, 3);
  }

  /** Model and optimizer under one name space, as checkpoints hold them. */
  private static List<NamedTensor> stateDict(Replica replica) {
    List<NamedTensor> tensors = new ArrayList<>();
    replica.modelState().forEach(t -> tensors.add(prefixed("model.", t)));
    replica.optimizerState().forEach(t -> tensors.add(prefixed("optimizer.", t)));
    return List.copyOf(tensors);
  }

  private static NamedTensor prefixed(String prefix, NamedTensor tensor) {
    return new NamedTensor(prefix + tensor.name(), tensor.shape(), tensor.data());
  }

  @Override
  public JobSpec job() {
    return job;
  }

  @Override
  public int rank() {
    return ports.group().rank();
  }

  @Override
  public int worldSize() {
    return ports.group().worldSize();
  }

  @Override
  public long generation() {
    return ports.group().generation();
  }

  @Override
  public Replica replica() {
    return replica;
  }

  @Override
  public DataSource data() {
    return ports.data();
  }

  @Override
  public ProcessGroup group() {
    return ports.group();
  }

  @Override
  public GradientExchange exchange() {
    return ports.exchange();
  }

  @Override
  public StepCoordinator steps() {
    return steps;
  }

  @Override
  public LearningRate learningRate() {
    return learningRate;
  }

  /**
   * One rank has the state or restores it; the others receive what it has. So every rank starts
   * from the same bits even where a checkpoint is pruned or added while the ranks are starting.
   */
  @Override
  public Progress start() {
    ports.state().rollBack();
    boolean root = rank() == origin.root();
    if (root && origin.held() && !ports.state().isSound()) {
      throw new IllegalStateException(
          "rank " + rank() + " is to give its state to the others and holds none that is whole");
    }
    if (root && !origin.held()) {
      ports.state().holds(restore());
    }
    Given given = broadcast(root);
    if (!root) {
      ports.state().receiving(given.progress(), !ports.group().isProvisional());
      ports.exchange().receiving();
    }
    StateBroadcast.run(state, ports.group(), ports.memory(), origin.root());
    ports.group().confirm();
    Progress progress = joined(given);
    ports.state().holds(progress);
    restoredStep = origin.held() ? -1 : given.progress().step();
    onStart.started(progress, restoredFrom);
    if (job.checkpoint().isPeriodic()) {
      ports.checkpointer().prepare(state);
    }
    return progress;
  }

  /**
   * What the root says of the state that it gives.
   *
   * @param held see {@link GradientExchange#held}
   */
  private record Given(Progress progress, long held) {}

  private Progress joined(Given given) {
    try {
      return ports.exchange().formed(given.progress(), origin.held(), given.held());
    } catch (StateLostException e) {
      ports.state().lost();
      throw new CollectiveException(CollectiveException.Cause.ABORTED, -1, e.getMessage());
    }
  }

  private Progress restore() {
    ports.state().receiving(Progress.START, true);
    Optional<Checkpointer.Restored> own =
        origin
            .ownCheckpoints()
            // One that cannot be looked at is not one that is not there.
            .filter(place -> CheckpointSpec.isS3(place) || !Files.notExists(Path.of(place)))
            .flatMap(directory -> ports.checkpointer().restore(directory, state));
    if (own.isPresent()) {
      return take(own.get());
    }
    origin.savedStep().ifPresent(this::refuseToBeginAnew);
    Optional<String> source = job.checkpoint().resumeFrom();
    if (source.isEmpty()) {
      job.model()
          .weights()
          .ifPresent(
              file ->
                  ports.checkpointer().loadWeights(Path.of(file), ports.replica().modelState()));
      return Progress.START;
    }
    return take(
        ports
            .checkpointer()
            .restore(source.get(), state)
            .orElseThrow(
                () ->
                    new CheckpointException(
                        "checkpoint.resumeFrom: '"
                            + source.get()
                            + "' holds no whole checkpoint; name another directory, or leave the key"
                            + " out to start afresh")));
  }

  private void refuseToBeginAnew(long saved) {
    throw new CheckpointException(
        "this job has saved its step "
            + saved
            + ", and '"
            + origin.ownCheckpoints().orElse("")
            + "' holds no whole checkpoint; it does not begin anew: bring its checkpoints back there"
            + " (is it mounted?) and resume the job, or start another one to begin at the start");
  }

  private Progress take(Checkpointer.Restored restored) {
    if (restored.seed() != job.train().seed()) {
      LOG.warn(
          "the checkpoint was written with seed {}, this job has seed {}: the order of the data"
              + " changes, and items of the current epoch may be seen twice or not at all",
          restored.seed(),
          job.train().seed());
    }
    restoredFrom = Optional.of(restored.from());
    return restored.progress();
  }

  private Given broadcast(boolean root) {
    Progress own = ports.state().progress();
    LongBuffer values = view(progressBuffer).asLongBuffer();
    values.put(0, own.step());
    values.put(1, own.cursor().epoch());
    values.put(2, own.cursor().position());
    values.put(3, root && origin.held() ? ports.exchange().held(own.step()) : 0);
    ports.group().broadcast(progressBuffer.bytes(), origin.root()).await();
    ports.group().confirm();
    Cursor cursor = new Cursor(Math.toIntExact(values.get(1)), values.get(2));
    return new Given(new Progress(values.get(0), cursor), values.get(3));
  }

  private static ByteBuffer view(TensorBuffer buffer) {
    return NativeMemory.view(buffer.address(), Math.toIntExact(buffer.byteCount()));
  }

  @Override
  public void checkpointIfDue(Progress progress, boolean requested) {
    boolean last = progress.step() >= totalSteps();
    if (progress.step() == restoredStep || progress.step() == savedStep) {
      // There is a checkpoint of it, maybe the one that it comes from.
      return;
    }
    if (isDue(progress.step(), last) || requested) {
      savedStep = progress.step();
      ports.exchange().saving(progress);
      ports.steps().saving();
      CheckpointContent content =
          new CheckpointContent(generation(), progress, job.train().seed(), resolvedSpec, state);
      // One that was asked for, or is the last, has to be.
      Optional<Duration> stall =
          requested || last
              ? Optional.of(ports.checkpointer().save(content))
              : ports.checkpointer().saveUnlessHeldUp(content);
      // What the checkpoint took is told once it is there, or has failed.
      stall.ifPresent(s -> LOG.debug("step {}: snapshot taken in {}", progress.step(), s));
    }
  }

  /** A job that saves its state at all saves what it ends with: that is what one exports. */
  private boolean isDue(long step, boolean last) {
    return last && job.checkpoint().isPeriodic()
        || job.checkpoint().everySteps().filter(n -> step % n == 0).isPresent();
  }

  private long totalSteps() {
    return job.train().totalSteps(ports.data().training().items(), job.data().batchSize());
  }

  @Override
  public Loss total(Loss local) {
    DoubleBuffer values = view(lossBuffer).asDoubleBuffer();
    values.put(0, local.lossSum());
    values.put(1, local.correct());
    values.put(2, local.items());
    ports.group().allReduce(lossBuffer, ReduceOp.SUM).await();
    // Programs decide by it when to end.
    ports.group().confirm();
    return new Loss(values.get(0), Math.round(values.get(1)), Math.round(values.get(2)));
  }

  @Override
  public long randomSeed(long step) {
    return deal.seed(step, rank());
  }

  @Override
  public Share share() {
    return deal.share(rank(), worldSize());
  }

  @Override
  public List<BatchPart> parts(long step, Batch batch) {
    return deal.parts(step, batch, rank(), worldSize());
  }

  @Override
  public void finish(Progress progress) {
    // A loop that was formed anew after its last step has had no occasion to.
    checkpointIfDue(progress, false);
    ports.exchange().finishing(progress);
    ports.group().barrier().await();
    ports.group().confirm();
    steps.closed();
    ports.checkpointer().drain(Checkpointer.SAVE_LIMIT);
  }
}
