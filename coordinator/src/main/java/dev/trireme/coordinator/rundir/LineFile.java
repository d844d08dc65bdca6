package dev.trireme.coordinator.rundir;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;

/**
 * A file that lines are appended to, each of them whole or not at all: what a full disk has left of
 * one is cut off, so that the next is not glued to it. It is open from one line to the next, until
 * told that there will be none for a while: of thousands of jobs that wait in a queue none has to
 * hold a descriptor.
 *
 * <p>Threading: one thread.
 */
final class LineFile implements AutoCloseable {
  /** More than any line that is written. */
  private static final int LONGEST = 1 << 20;

  private final Path file;
  private final boolean forced;
  private final Writing writing;
  private Optional<FileChannel> channel = Optional.empty();

  /** How bytes get into the file. */
  @FunctionalInterface
  interface Writing {
    /** Writes some of them, as {@link FileChannel#write(ByteBuffer)} does. */
    int write(FileChannel to, ByteBuffer bytes) throws IOException;
  }

  private LineFile(Path file, boolean forced, Writing writing) {
    this.file = file;
    this.forced = forced;
    this.writing = writing;
  }

  /**
   * Makes the file where it is absent.
   *
   * @throws IOException when it cannot be written
   */
  LineFile(Path file) throws IOException {
    this(file, FileChannel::write);
  }

  /** As {@link #LineFile(Path)}, and writes in this way. */
  LineFile(Path file, Writing writing) throws IOException {
    this(file, false, writing);
    open();
  }

  /** One that is made with its first line, and whose lines are on disk when they are appended. */
  static LineFile forced(Path file, Writing writing) {
    return new LineFile(file, true, writing);
  }

  private FileChannel open() throws IOException {
    if (channel.filter(FileChannel::isOpen).isEmpty()) {
      RunFile.check(file);
      FileChannel opened =
          FileChannel.open(
              file,
              StandardOpenOption.CREATE,
              StandardOpenOption.READ,
              StandardOpenOption.WRITE,
              LinkOption.NOFOLLOW_LINKS);
      channel = Optional.of(opened);
      try {
        opened.truncate(endOfLastLine(opened));
      } catch (IOException e) {
        giveUp(e);
        throw e;
      }
    }
    return channel.get();
  }

  /**
   * What a machine that stopped has left of a last line goes: nobody was told that it was there.
   *
   * @throws IOException where that is more than any line of ours
   */
  private long endOfLastLine(FileChannel channel) throws IOException {
    long size = channel.size();
    long from = Math.max(0, size - LONGEST);
    ByteBuffer tail = ByteBuffer.allocate((int) (size - from));
    while (tail.hasRemaining() && channel.read(tail, from + tail.position()) >= 0) {
      // Until all is read.
    }
    for (int end = tail.position(); end > 0; end--) {
      if (tail.get(end - 1) == '\n') {
        return from + end;
      }
    }
    if (from > 0) {
      throw new IOException(
          file + ": expected lines of at most " + LONGEST + " bytes, found more without an end");
    }
    return 0;
  }

  /**
   * Appends a line.
   *
   * @param line without its end
   * @throws IOException when it cannot be written; as far as can be told, the file is as it was
   */
  void append(String line) throws IOException {
    FileChannel to = open();
    long began = to.size();
    try {
      to.position(began);
      ByteBuffer bytes = ByteBuffer.wrap((line + "\n").getBytes(StandardCharsets.UTF_8));
      while (bytes.hasRemaining()) {
        writing.write(to, bytes);
      }
      if (forced) {
        to.force(false);
      }
    } catch (IOException e) {
      try {
        to.truncate(began);
      } catch (IOException again) {
        e.addSuppressed(again); // Who opens it next cuts off what is not whole.
      }
      giveUp(e);
      throw e;
    }
  }

  private void giveUp(IOException why) {
    try {
      close();
    } catch (IOException e) {
      why.addSuppressed(e);
    }
  }

  /** Closes the file until the next line. */
  @Override
  public void close() throws IOException {
    if (channel.isPresent()) {
      FileChannel open = channel.get();
      channel = Optional.empty();
      open.close();
    }
  }
}
