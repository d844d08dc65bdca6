package dev.trireme.coordinator.rundir;

import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;

/**
 * A file that lines are appended to, each of them flushed. It is open from one line to the next,
 * until told that there will be none for a while: of thousands of jobs that wait in a queue none
 * has to hold a descriptor.
 *
 * <p>Threading: one thread.
 */
final class LineFile implements AutoCloseable {
  private final Path file;
  private Optional<BufferedWriter> writer = Optional.empty();

  /**
   * Makes the file where it is absent.
   *
   * @throws IOException when it cannot be written, or something else is in its place
   */
  LineFile(Path file) throws IOException {
    this.file = file;
    open();
  }

  private BufferedWriter open() throws IOException {
    if (writer.isEmpty()) {
      RunFile.check(file);
      writer =
          Optional.of(
              Files.newBufferedWriter(
                  file,
                  StandardCharsets.UTF_8,
                  StandardOpenOption.CREATE,
                  StandardOpenOption.APPEND,
                  LinkOption.NOFOLLOW_LINKS));
    }
    return writer.get();
  }

  /**
   * @param line without its end
   */
  void append(String line) throws IOException {
    BufferedWriter to = open();
    to.write(line);
    to.write('\n');
    to.flush();
  }

  /** Closes the file until the next line. */
  @Override
  public void close() throws IOException {
    if (writer.isPresent()) {
      BufferedWriter open = writer.get();
      writer = Optional.empty();
      open.close();
    }
  }
}
