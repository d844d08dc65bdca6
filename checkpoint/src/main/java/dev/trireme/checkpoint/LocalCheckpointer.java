package dev.trireme.checkpoint;

import dev.trireme.api.checkpoint.CheckpointContent;
import dev.trireme.api.checkpoint.CheckpointException;
import dev.trireme.api.checkpoint.CheckpointGate;
import dev.trireme.api.checkpoint.Checkpointer;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.tensor.DeviceMemory;
import dev.trireme.api.tensor.NamedTensor;
import dev.trireme.checkpoint.storage.CheckpointStorage;
import dev.trireme.checkpoint.storage.WriteBoundary;
import dev.trireme.checkpoint.storage.WriteStep;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The checkpoints of one rank in a directory. {@link #save} copies this rank's part of the state
 * and returns; a thread of its own writes the copy, and on rank 0 commits the whole.
 *
 * <p>The layout is in {@code docs/checkpoint-format.md}; the order of acts in {@link
 * WriteBoundary}. A rank whose write fails logs it and tells the gate's {@code finished}, whatever
 * its rank, so that the coordinator can refuse the grant at once.
 */
public final class LocalCheckpointer implements Checkpointer {
  private static final Logger LOG = LoggerFactory.getLogger(LocalCheckpointer.class);

  private static final Duration CLOSE_DEADLINE = Duration.ofSeconds(10);

  /** A grant comes within milliseconds where there is a coordinator. */
  private static final long HELD_UP_MILLIS = 200;

  private final CheckpointerConfig config;
  private final CheckpointGate gate;
  private final CheckpointStorage storage;
  private final WriteProbe probe;
  private final DeviceMemory memory;
  private final Snapshot snapshot;
  private final CheckpointWrite.Surroundings surroundings;
  private final ExecutorService writer;

  private volatile String beingRead = "";
  private volatile WriteBoundary writerAt = WriteBoundary.SWEEP;
  private Optional<Future<Optional<String>>> running = Optional.empty();
  private OptionalLong generation = OptionalLong.empty();
  private boolean closed;

  private LocalCheckpointer(
      CheckpointerConfig config,
      CheckpointGate gate,
      CheckpointStorage storage,
      WriteProbe probe,
      DeviceMemory memory) {
    this.memory = memory;
    this.snapshot = new Snapshot(memory);
    this.config = config;
    this.gate = gate;
    this.probe = probe;
    this.storage = storage;
    Pruning pruning =
        new Pruning(storage, config.retention(), config.lineage(), () -> Set.of(beingRead));
    this.surroundings = new CheckpointWrite.Surroundings(config, gate, storage, pruning, snapshot);
    this.writer =
        Executors.newSingleThreadExecutor(
            task -> {
              Thread thread = new Thread(task, "checkpoint-rank-" + config.rank());
              thread.setDaemon(true);
              return thread;
            });
  }

  /**
   * Opens a rank's checkpointer. The directory is made when it is not there.
   *
   * @throws CheckpointException when nothing can be written there
   */
  public static LocalCheckpointer open(CheckpointerConfig config, CheckpointGate gate) {
    return open(config, gate, WriteProbe.NONE);
  }

  /**
   * The same for tensors that may stand on a device.
   *
   * @param probe may make a write fail
   * @param memory that of the tensors, also for the copies on the host
   */
  public static LocalCheckpointer open(
      CheckpointerConfig config, CheckpointGate gate, WriteProbe probe, DeviceMemory memory) {
    return open(
        config, gate, probe, CheckpointPlace.storage(config.location(), config.s3()), memory);
  }

  /**
   * As {@link #open(CheckpointerConfig, CheckpointGate)}, with a probe that may make a write fail.
   */
  public static LocalCheckpointer open(
      CheckpointerConfig config, CheckpointGate gate, WriteProbe probe) {
    return open(config, gate, probe, CheckpointPlace.storage(config.location(), config.s3()));
  }

  /** As above, into this storage, which it closes in the end. */
  static LocalCheckpointer open(
      CheckpointerConfig config, CheckpointGate gate, WriteProbe probe, CheckpointStorage storage) {
    return open(config, gate, probe, storage, DeviceMemory.HOST);
  }

  private static LocalCheckpointer open(
      CheckpointerConfig config,
      CheckpointGate gate,
      WriteProbe probe,
      CheckpointStorage storage,
      DeviceMemory memory) {
    try {
      storage.prepare();
    } catch (IOException e) {
      storage.close();
      throw new CheckpointException(
          "checkpoints cannot be written: " + IoMessages.explain(e, config.location()), e);
    }
    return new LocalCheckpointer(config, gate, storage, probe, memory);
  }

  /** {@inheritDoc} Its failure is logged, and found again by the first save. */
  @Override
  public void prepare(List<NamedTensor> tensors) {
    requireOpen();
    awaitPrevious();
    long bytes = plan(tensors).dataBytes(config.rank());
    running = Optional.of(writer.submit(() -> reserve(bytes)));
  }

  private Optional<String> reserve(long bytes) {
    try {
      snapshot.reserve(bytes);
    } catch (CheckpointException e) {
      LOG.warn("rank {} cannot get ready for checkpoints: {}", config.rank(), e.getMessage());
    }
    return Optional.empty();
  }

  /**
   * {@inheritDoc}
   *
   * <p>Blocking: for the copy, and before it until the write before is over; at most 30 minutes. A
   * write that failed is not an error here: it was logged and told to the gate.
   *
   * @throws CheckpointException when the content cannot be saved, or the write before hangs
   * @throws CollectiveException when the generation is called off while the write before goes on;
   *     {@link #close} then gives that up
   */
  @Override
  public Duration save(CheckpointContent content) {
    long begin = System.nanoTime();
    requireOpen();
    generation = OptionalLong.of(content.generation());
    awaitPrevious();
    ShardPlan plan = plan(content.tensors());
    snapshot.capture(plan.shard(config.rank()), content.tensors());
    CheckpointWrite write = new CheckpointWrite(surroundings, content, plan);
    Duration stall = Duration.ofNanos(System.nanoTime() - begin);
    running = Optional.of(writer.submit(() -> run(write, stall)));
    return stall;
  }

  /** {@inheritDoc} Whether it is so is waited for, for {@value #HELD_UP_MILLIS} ms. */
  @Override
  public Optional<Duration> saveUnlessHeldUp(CheckpointContent content) {
    requireOpen();
    if (isHeldUp()) {
      LOG.warn(
          "no checkpoint of step {}: the one before still waits for a coordinator's grant",
          content.progress().step());
      return Optional.empty();
    }
    return Optional.of(save(content));
  }

  private boolean isHeldUp() {
    if (running.isEmpty()) {
      return false;
    }
    try {
      running.get().get(HELD_UP_MILLIS, TimeUnit.MILLISECONDS);
      return false;
    } catch (TimeoutException e) {
      return writerAt == WriteBoundary.AWAIT_GRANT;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    } catch (ExecutionException e) {
      return false;
    }
  }

  /**
   * {@inheritDoc}
   *
   * @throws CollectiveException as {@link #save} does
   */
  @Override
  public void drain(Duration deadline) {
    if (running.isEmpty()) {
      return;
    }
    Optional<String> failure = await(running.get(), deadline, "the last checkpoint");
    if (failure.isPresent()) {
      throw new CheckpointException("the last checkpoint failed: " + failure.get());
    }
  }

  @Override
  public Optional<Restored> restore(String source, List<NamedTensor> tensors) {
    requireOpen();
    try (CheckpointPlace place = CheckpointPlace.existing(source, config.s3())) {
      return new Restore(place, config.lineage(), tensors, memory, name -> beingRead = name).run();
    }
  }

  @Override
  public void loadWeights(Path file, List<NamedTensor> tensors) {
    requireOpen();
    WeightsFile.load(file, tensors, memory);
  }

  /**
   * Ends the thread and frees the memory. A write that is not over is given up, and nothing of it
   * becomes visible unless it was already: {@link #drain} first. Waits at most 10 seconds; what a
   * write needs that hangs for longer is freed when it ends. Repeats are ignored.
   */
  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    if (running.isPresent() && !running.get().isDone()) {
      LOG.warn("rank {} closes while a checkpoint is at {}: given up", config.rank(), writerAt);
    }
    writer.shutdownNow();
    if (writerEnded()) {
      free();
    } else {
      // The thread still reads the snapshot: memory that leaks is better than memory that is gone.
      LOG.error(
          "the checkpoint writer of rank {} hangs at {} in {}; its memory is freed when it ends",
          config.rank(),
          writerAt,
          config.location());
      LateClose.start(writer, "checkpoint-rank-" + config.rank(), this::free);
    }
  }

  private void free() {
    snapshot.close();
    storage.close();
  }

  private boolean writerEnded() {
    try {
      return writer.awaitTermination(CLOSE_DEADLINE.toMillis(), TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  /** On the writer's thread: does all acts, and takes back what a failed one leaves. */
  private Optional<String> run(CheckpointWrite write, Duration stall) {
    long begin = System.nanoTime();
    Optional<String> failure = perform(write);
    Duration took = Duration.ofNanos(System.nanoTime() - begin);
    if (failure.isPresent()) {
      LOG.error("checkpoint of {} failed on rank {}: {}", write.id(), config.rank(), failure.get());
    } else if (config.rank() == 0) {
      LOG.info(
          "checkpoint of {} is in {}: {} bytes, stalled {} ms, written in {} ms",
          write.id(),
          config.location(),
          write.bytes(),
          stall.toMillis(),
          took.toMillis());
    }
    if (config.rank() == 0 || failure.isPresent()) {
      tellGate(write, stall, took, failure.orElse(""));
    }
    // One of a generation that was called off is nobody's fault: its state goes on in the next.
    return gate.isOver(write.id().generation()) ? Optional.empty() : failure;
  }

  private void tellGate(CheckpointWrite write, Duration stall, Duration took, String failure) {
    try {
      gate.finished(
          write.id().generation(), write.id().step(), stall, took, write.bytes(), failure);
    } catch (RuntimeException e) {
      LOG.warn("cannot tell the coordinator how the checkpoint of {} ended", write.id(), e);
    }
  }

  private Optional<String> perform(CheckpointWrite write) {
    String failure;
    try (write) {
      for (WriteStep step : write.steps()) {
        writerAt = step.boundary();
        probe.before(step.boundary());
        step.action().run();
      }
      return Optional.empty();
    } catch (CheckpointWrite.NotGrantedException e) {
      failure = e.getMessage();
    } catch (IOException e) {
      failure =
          "at "
              + writerAt
              + ": "
              + IoMessages.explain(e, config.location())
              + (IoMessages.isNoSpace(e) ? ": " + write.room() : "");
    } catch (RuntimeException | Error e) {
      LOG.error("a checkpoint's writer broke at {}", writerAt, e);
      failure = "at " + writerAt + ": " + e;
    }
    return Optional.of(takeBack(write, failure));
  }

  private String takeBack(CheckpointWrite write, String failure) {
    if (write.published()) {
      return failure + " (it is published and whole, but may not outlive a loss of power)";
    }
    // An interrupt, by which close() ends a write, would also end the cleaning up.
    boolean interrupted = Thread.interrupted();
    try {
      write.discard();
    } catch (IOException | RuntimeException e) {
      LOG.warn("cannot take back the unfinished checkpoint of {}", write.id(), e);
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
    return failure;
  }

  private void awaitPrevious() {
    running.ifPresent(
        previous -> await(previous, SAVE_LIMIT, "the checkpoint before, which must end first"));
  }

  private Optional<String> await(Future<Optional<String>> write, Duration deadline, String what) {
    try {
      return AbortableWait.await(
          write,
          deadline,
          () -> generation.isPresent() && gate.isOver(generation.getAsLong()),
          () -> "the formation is called off, and " + what + " is still at " + writerAt);
    } catch (TimeoutException e) {
      throw new CheckpointException(
          what
              + " is still at "
              + writerAt
              + " in "
              + config.location()
              + " after "
              + deadline.toSeconds()
              + " s; is the storage slow or gone?",
          e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CheckpointException("interrupted while waiting for " + what, e);
    } catch (ExecutionException e) {
      return Optional.of(String.valueOf(e.getCause()));
    }
  }

  private ShardPlan plan(List<NamedTensor> tensors) {
    tensors.forEach(t -> Snapshot.requireMemoryOf(t, memory));
    try {
      return ShardPlan.ofTensors(tensors, config.worldSize());
    } catch (IllegalArgumentException e) {
      throw new CheckpointException("this state cannot be saved: " + e.getMessage(), e);
    }
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the checkpointer of rank " + config.rank() + " is closed");
    }
  }
}
