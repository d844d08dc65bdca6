package dev.trireme.checkpoint.storage;

import java.io.IOException;
import java.nio.ByteBuffer;

/** A file being written from its beginning to its end. Threading: one thread. */
public interface FileSink extends AutoCloseable {
  /** Appends all of {@code from}. Blocking: on the storage. */
  void append(ByteBuffer from) throws IOException;

  /** Returns once every byte is where a loss of power leaves it. */
  void sync() throws IOException;

  /** Closes it; repeats are ignored. */
  @Override
  void close() throws IOException;
}
