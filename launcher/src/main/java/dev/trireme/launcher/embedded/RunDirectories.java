package dev.trireme.launcher.embedded;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Optional;
import java.util.stream.Stream;

/** Where a run leaves what it leaves. */
public final class RunDirectories {
  private static final DateTimeFormatter STAMP = DateTimeFormatter.ofPattern("yyyyMMdd-HHmmss");

  private RunDirectories() {}

  /** A directory that cannot be used for a run; the message says why and what to do. */
  public static final class UnusableException extends Exception {
    private static final long serialVersionUID = 1L;

    UnusableException(String message) {
      super(message);
    }
  }

  /**
   * Makes the directory of a new run, empty; absolute and without dots.
   *
   * @param asked by the user; a new one under {@code runs/} when empty
   * @throws UnusableException when it holds another run or cannot be made
   */
  public static Path create(Optional<Path> asked, String jobName, LocalDateTime now)
      throws UnusableException {
    if (asked.isPresent() && asked.get().toString().isBlank()) {
      throw unusable(
          "expected a directory, found an empty name; leave the option out for a new one");
    }
    // What is looked at must be what is written to: '/nothing/../etc' is '/etc'.
    Path directory =
        asked
            .orElseGet(() -> fresh(Path.of("runs"), jobName + "-" + STAMP.format(now)))
            .toAbsolutePath()
            .normalize();
    requireGround(directory);
    try {
      if (Files.exists(directory) && !isEmpty(directory)) {
        throw unusable(
            "'"
                + directory
                + "' is not empty; name a directory that is not there yet, or continue its run in a"
                + " new one with --set checkpoint.resumeFrom="
                + directory.resolve("checkpoints"));
      }
      Files.createDirectories(directory);
      return directory;
    } catch (IOException e) {
      throw unusable("'" + directory + "' cannot be made: " + describe(e) + "; name another place");
    }
  }

  /** What is there of the path already must be a directory that this user can write to. */
  private static void requireGround(Path directory) throws UnusableException {
    Path ground = directory;
    while (!Files.exists(ground) && ground.getParent() != null) {
      ground = ground.getParent();
    }
    if (!Files.isDirectory(ground)) {
      throw unusable(
          "'"
              + ground
              + "' is a file"
              + (ground.equals(directory) ? "" : ", and nothing can be made below it")
              + "; name a directory that is not there yet");
    }
    if (!Files.isWritable(ground)) {
      throw unusable(
          "this user may not write to '" + ground + "', or it is read-only; name another place");
    }
  }

  private static UnusableException unusable(String what) {
    return new UnusableException("--run-dir: " + what);
  }

  /** Java's message is often the path alone. */
  private static String describe(IOException e) {
    return e instanceof FileSystemException f && f.getReason() != null
        ? f.getReason()
        : e.getClass().getSimpleName() + " " + e.getMessage();
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
