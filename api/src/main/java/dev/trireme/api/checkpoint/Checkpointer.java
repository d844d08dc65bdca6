package dev.trireme.api.checkpoint;

import dev.trireme.api.tensor.NamedTensor;
import dev.trireme.api.train.Progress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * Writes and reads the checkpoints of one rank. Writing is asynchronous: {@link #save} copies the
 * tensors and returns; the rest happens on a thread of the checkpointer's own.
 *
 * <p>Threading: one caller.
 */
public interface Checkpointer extends AutoCloseable {
  /**
   * How long one save may take until it is committed, the last of a job as any other: past that the
   * storage is taken to hang. Whoever waits for saves allows for it.
   */
  Duration SAVE_LIMIT = Duration.ofMinutes(30);

  /**
   * Says what will be saved, so that memory for it can be made ready beside the training and the
   * first save stalls no longer than the next. Returns at once. May be left out.
   *
   * @param tensors only their sizes matter
   */
  default void prepare(List<NamedTensor> tensors) {}

  /**
   * Snapshots and starts writing. Every rank must call it at the same step. When the one before is
   * still being written, waits for that first.
   *
   * @return how long the caller was stalled
   */
  Duration save(CheckpointContent content);

  /**
   * The same, but this one is left out where the one before cannot end for want of a coordinator's
   * grant: training does not wait for a coordinator. Ranks need not agree on that, for what some
   * have left out never becomes a checkpoint.
   *
   * @return how long the caller was stalled; empty when it was left out
   */
  default Optional<Duration> saveUnlessHeldUp(CheckpointContent content) {
    return Optional.of(save(content));
  }

  /**
   * Waits until nothing is being written any more.
   *
   * @throws CheckpointException when that took longer than {@code deadline} or the last save failed
   */
  void drain(Duration deadline);

  /**
   * Restores from {@code source}: a directory of checkpoints (the newest whole one is taken; what
   * is damaged or half-written is skipped, and the log says so and why) or one {@code step-*}. The
   * values are copied into {@code tensors}; nothing is touched unless all of it is there and right.
   *
   * @param source a path, or a place in an object store as {@code s3://bucket/prefix}
   * @param tensors where to put the values; names, dtypes and shapes must match the checkpoint's
   * @return what was restored; empty when {@code source} holds no whole checkpoint
   * @throws CheckpointException when a checkpoint there does not fit these tensors, or {@code
   *     source} does not exist
   */
  Optional<Restored> restore(String source, List<NamedTensor> tensors);

  /**
   * Copies weights from a safetensors file, which must hold exactly these tensors: nothing is
   * touched unless all are there with their types and shapes, and no others.
   *
   * @param tensors where to put the values, by the file's names
   * @throws CheckpointException when the file cannot be read or does not fit
   */
  void loadWeights(Path file, List<NamedTensor> tensors);

  /**
   * What a restore found.
   *
   * @param from the checkpoint: its directory, or its place in an object store
   * @param generation that wrote it
   * @param progress to continue from
   * @param seed of the job that wrote it
   */
  record Restored(String from, long generation, Progress progress, long seed) {}

  @Override
  void close();
}
