package dev.trireme.launcher.control;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * A piece of a rank's log, or of another file of lines, of whole lines where it has any.
 *
 * @param bytes at most {@value #MAX}
 * @param next where the piece after it begins
 */
public record LogSlice(byte[] bytes, long next) {
  private static final int MAX = 64 << 10;

  /** Reads what is there from {@code offset} on; nothing where there is no such log yet. */
  public static LogSlice read(Path runDirectory, long rank, long offset) throws IOException {
    return read(runDirectory.resolve("logs").resolve("rank-" + rank + ".log"), offset);
  }

  /** Reads what is in a file of lines from {@code offset} on; nothing where there is none yet. */
  static LogSlice read(Path file, long offset) throws IOException {
    try (SeekableByteChannel channel = Files.newByteChannel(file)) {
      // A log that is full begins anew.
      long from = offset > channel.size() ? 0 : offset;
      channel.position(from);
      ByteBuffer buffer = ByteBuffer.allocate(MAX);
      while (buffer.hasRemaining() && channel.read(buffer) >= 0) {
        // reads on
      }
      int length = wholeLines(buffer);
      return new LogSlice(Arrays.copyOf(buffer.array(), length), from + length);
    } catch (NoSuchFileException e) {
      return new LogSlice(new byte[0], offset);
    }
  }

  /** A line longer than a slice comes in pieces; the beginning of one waits for its end. */
  private static int wholeLines(ByteBuffer buffer) {
    int length = buffer.position();
    while (length > 0 && buffer.get(length - 1) != '\n') {
      length--;
    }
    return length == 0 && !buffer.hasRemaining() ? buffer.position() : length;
  }
}
