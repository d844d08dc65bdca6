package dev.trireme.checkpoint.storage;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;

/** A file of a checkpoint, open for reading. Threading: one thread. Blocking: on the storage. */
public interface StoredFile extends AutoCloseable {
  /** Its size in bytes when it was opened. */
  long size();

  /**
   * Fills {@code to} from {@code position} on.
   *
   * @throws EOFException when the file ends before
   */
  void read(ByteBuffer to, long position) throws IOException;

  @Override
  void close() throws IOException;
}
