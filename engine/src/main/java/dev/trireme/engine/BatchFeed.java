package dev.trireme.engine;

import dev.trireme.api.data.Batch;
import org.bytedeco.pytorch.Tensor;

/**
 * Brings batches from the host's memory to where a replica computes.
 *
 * <p>Threading: one thread at a time.
 */
interface BatchFeed extends AutoCloseable {
  /**
   * A batch as tensors on the device; they belong to the caller's scope.
   *
   * @param features {@code size x itemShape}
   * @param labels of the batch's label shape
   */
  record Inputs(Tensor features, Tensor labels) {}

  /** Begins to take over the batch that is trained on next; reads it during the call only. */
  void prepare(Batch next);

  /** A batch to train on that is not empty, or a part of the one that was prepared last. */
  Inputs inputs(Batch batch);

  /**
   * A batch to evaluate, which is not empty. What was prepared is not looked at: a training batch
   * may begin at the same cursor, in memory that this batch has been given since.
   */
  Inputs unprepared(Batch batch);

  /** Forgets what was prepared: its memory may since hold something else. */
  void forget();

  @Override
  void close();
}
