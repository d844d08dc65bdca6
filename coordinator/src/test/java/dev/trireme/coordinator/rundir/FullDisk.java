package dev.trireme.coordinator.rundir;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;

/** A disk that may be full: then it takes half of what is written, and nothing after that. */
final class FullDisk implements LineFile.Writing {
  private boolean full;
  private boolean half;

  void full(boolean is) {
    full = is;
    half = false;
  }

  @Override
  public int write(FileChannel to, ByteBuffer bytes) throws IOException {
    if (!full) {
      return to.write(bytes);
    }
    if (half) {
      half = false; // The next line finds the room that this one gave back.
      throw new IOException("No space left on device");
    }
    half = true;
    ByteBuffer first = bytes.duplicate().limit(bytes.position() + bytes.remaining() / 2);
    int written = to.write(first);
    bytes.position(bytes.position() + written);
    return written;
  }
}
