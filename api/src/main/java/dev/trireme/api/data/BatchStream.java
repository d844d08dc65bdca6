package dev.trireme.api.data;

/**
 * Batches in order, read ahead on a thread of the stream's own.
 *
 * <p>Threading: one consumer. Blocking: {@link #next} waits for the reader, with a deadline.
 */
public interface BatchStream extends AutoCloseable {
  /** Whether another batch follows; always so for a training stream, which runs over epochs. */
  boolean hasNext();

  /**
   * The next batch; the one handed out before becomes invalid.
   *
   * @throws DataException when the data cannot be read; a retry is not safe
   * @throws java.util.NoSuchElementException when there is none
   */
  Batch next();

  /** Ends the reading thread and frees every batch. */
  @Override
  void close();
}
