package dev.trireme.api.train;

import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.data.Batch;
import dev.trireme.api.data.DataSource;
import dev.trireme.api.data.Share;
import dev.trireme.api.engine.Loss;
import dev.trireme.api.engine.Replica;
import dev.trireme.api.job.JobSpec;
import java.util.List;

/**
 * All that a training program is given on one rank. Everything in it is opened and closed by
 * Trireme.
 *
 * <p>Threading: the rank's main thread.
 */
public interface TrainingContext {
  /** The job, resolved and validated. */
  JobSpec job();

  /** This rank, in {@code 0..worldSize-1}. */
  int rank();

  /** The number of ranks in this generation. */
  int worldSize();

  /** The generation of the formation this rank is in. */
  long generation();

  /** This rank's copy of the model. */
  Replica replica();

  /** The job's data. */
  DataSource data();

  /** For collectives of the program's own; gradients go through {@link #exchange}. */
  ProcessGroup group();

  /** Makes the gradients of all ranks one. Already bound to {@link #replica}. */
  GradientExchange exchange();

  /** The control plane. */
  StepCoordinator steps();

  /** The learning rate of each step. */
  LearningRate learningRate();

  /**
   * Gives every rank the same state: that of a rank which survived the formation before, else the
   * newest checkpoint or what {@code checkpoint.resumeFrom} names, else fresh weights. Called once,
   * first.
   *
   * @return where to continue
   */
  Progress start();

  /**
   * Saves a checkpoint when one is due after this step (or {@code requested}); every rank calls it
   * after every step. The step is stalled for the copy of the state only.
   */
  void checkpointIfDue(Progress progress, boolean requested);

  /**
   * Sums {@code local} over all ranks; every rank gets the same. Blocks, with the group's deadline.
   */
  Loss total(Loss local);

  /** The seed of what is drawn at random in {@code step} on this rank. */
  long randomSeed(long step);

  /**
   * Which part of each global batch this rank trains on: an equal one, or the logical shards that
   * it holds where the job is {@code deterministic: elastic}.
   */
  Share share();

  /**
   * The parts of this rank's batch that go through forward and backward one after the other: one of
   * them as a rule; one a logical shard where the job is {@code deterministic: elastic}; as many as
   * it takes where {@code train.microBatch} says how many items fit. Only a loop that follows them
   * (see {@link GradientExchange#part}) has what these two promise.
   *
   * @param batch of the stream over {@link #share}; the parts are valid as long as it is
   */
  List<BatchPart> parts(long step, Batch batch);

  /**
   * Passes the closing barrier: afterwards the last applied step is committed. Called once, last.
   */
  void finish(Progress progress);
}
