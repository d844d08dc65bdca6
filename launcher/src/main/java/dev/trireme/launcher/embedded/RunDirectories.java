package dev.trireme.launcher.embedded;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Optional;
import java.util.stream.Stream;

/** Where a run leaves what it leaves. */
final class RunDirectories {
  private static final DateTimeFormatter STAMP = DateTimeFormatter.ofPattern("yyyyMMdd-HHmmss");

  private RunDirectories() {}

  /** A directory that cannot be used for a run; the message says why and what to do. */
  static final class UnusableException extends Exception {
    private static final long serialVersionUID = 1L;

    UnusableException(String message) {
      super(message);
    }
  }

  /**
   * Makes the directory of a new run, empty.
   *
   * @param asked by the user; a new one under {@code runs/} when empty
   * @throws UnusableException when it holds another run or cannot be made
   */
  static Path create(Optional<Path> asked, String jobName, LocalDateTime now)
      throws UnusableException {
    Path directory =
        asked.orElseGet(() -> fresh(Path.of("runs"), jobName + "-" + STAMP.format(now)));
    try {
      if (Files.exists(directory) && !isEmpty(directory)) {
        throw new UnusableException(
            "--run-dir: '"
                + directory
                + "' is not empty; name a directory that is not there yet, or continue its run in a"
                + " new one with --set checkpoint.resumeFrom="
                + directory.resolve("checkpoints"));
      }
      Files.createDirectories(directory);
      return directory.toAbsolutePath().normalize();
    } catch (NotDirectoryException e) {
      throw new UnusableException(
          "--run-dir: '" + directory + "' is a file; name a directory that is not there yet");
    } catch (IOException e) {
      throw new UnusableException(
          "--run-dir: '" + directory + "' cannot be made: " + e + "; name another place");
    }
  }

  private static boolean isEmpty(Path directory) throws IOException {
    try (Stream<Path> entries = Files.list(directory)) {
      return entries.findAny().isEmpty();
    }
  }

  private static Path fresh(Path parent, String name) {
    Path directory = parent.resolve(name);
    for (int n = 2; Files.exists(directory); n++) {
      directory = parent.resolve(name + "-" + n);
    }
    return directory;
  }
}
