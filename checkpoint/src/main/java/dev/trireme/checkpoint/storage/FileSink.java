package dev.trireme.checkpoint.storage;

import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * A file being written from its beginning to its end, except for a head that may be known last: for
 * it there is room of a size that is told when the file is begun. Threading: one thread.
 */
public interface FileSink extends AutoCloseable {
  /** Appends all of {@code from}. Blocking: on the storage. */
  void append(ByteBuffer from) throws IOException;

  /**
   * Fills the room at the beginning, at any time before {@link #sync}, once.
   *
   * @throws IllegalArgumentException when it is not exactly as many bytes as room was left for
   */
  void head(ByteBuffer from) throws IOException;

  /** Returns once every byte is where a loss of power leaves it. */
  void sync() throws IOException;

  /** Closes it; repeats are ignored. */
  @Override
  void close() throws IOException;

  /** Refuses a head of another size than room was left for. */
  static void requireFits(ByteBuffer head, int room) {
    if (head.remaining() != room) {
      throw new IllegalArgumentException(
          "expected a head of " + room + " bytes, found " + head.remaining());
    }
  }
}
