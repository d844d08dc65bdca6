package dev.trireme.worker.agent;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.DirectoryStream;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.HexFormat;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * An agent's own directory in shared memory: the media driver's files, and what the ranks of each
 * formation share. Nobody else on the machine can enter it (mode 0700), and what an agent that was
 * killed has left is deleted by the next one.
 *
 * <p>Whether an agent lives is told by a lock on a file inside, which the kernel drops with the
 * process: unlike a pid in a name it cannot be mistaken for another process's. A process must not
 * open the lock files of its own agents, for closing one would drop the lock, so the name says
 * which process a directory belongs to.
 */
final class AgentDirectory implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(AgentDirectory.class);
  private static final String PREFIX = "trireme-agent-";
  private static final String LOCK = "lock";

  /** A directory without a lock file is being made, unless it is older than this. */
  private static final Duration MAKING = Duration.ofMinutes(1);

  private final Path root;
  private final FileChannel lockFile;

  private AgentDirectory(Path root, FileChannel lockFile) {
    this.root = root;
    this.lockFile = lockFile;
  }

  /**
   * Sweeps what dead agents of this user left in {@code base} and makes a directory there.
   *
   * @throws UncheckedIOException when it cannot be made
   */
  static AgentDirectory create(Optional<Path> base) {
    Path parent = base.orElseGet(AgentDirectory::defaultBase);
    String own = ownPrefix();
    try {
      sweep(parent, own);
      Path root = parent.resolve(own + Long.toHexString(ThreadLocalRandom.current().nextLong()));
      Files.createDirectory(
          root, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
      FileChannel lockFile =
          FileChannel.open(
              root.resolve(LOCK), StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
      if (lockFile.tryLock() == null) {
        lockFile.close();
        throw new IOException("the new lock file in " + root + " is locked by somebody else");
      }
      Files.createDirectory(root.resolve("libraries"));
      return new AgentDirectory(root, lockFile);
    } catch (IOException e) {
      throw new UncheckedIOException(
          "cannot make the agent's directory in "
              + parent
              + ": name a directory that this user can write (AgentConfig.sharedMemory)",
          e);
    }
  }

  /** Sweeps what dead agents of this user left; what cannot be deleted stays. */
  static void sweep() {
    try {
      sweep(defaultBase(), ownPrefix());
    } catch (IOException e) {
      LOG.debug("cannot look for directories of dead agents", e);
    }
  }

  private static Path defaultBase() {
    Path shm = Path.of("/dev/shm");
    return Files.isWritable(shm) ? shm : Path.of(System.getProperty("java.io.tmpdir"));
  }

  private static String ownPrefix() {
    ProcessHandle self = ProcessHandle.current();
    long started = self.info().startInstant().map(Instant::toEpochMilli).orElse(0L);
    return PREFIX + self.pid() + "-" + HexFormat.of().toHexDigits(started) + "-";
  }

  /** Where the media driver keeps its files; made by the driver. */
  Path aeron() {
    return root.resolve("aeron");
  }

  /** An empty directory. */
  Path noLibraries() {
    return root.resolve("libraries");
  }

  /** A new directory for what the ranks of a formation share. */
  Path formation(int number) throws IOException {
    return Files.createDirectory(root.resolve("formation-" + number));
  }

  private static void sweep(Path parent, String own) throws IOException {
    String user = System.getProperty("user.name");
    try (DirectoryStream<Path> found = Files.newDirectoryStream(parent, PREFIX + "*")) {
      for (Path directory : found) {
        boolean mine = directory.getFileName().toString().startsWith(own);
        if (!mine && isAbandoned(directory, user)) {
          LOG.info("deleting {}: its agent is dead", directory);
          delete(directory);
        }
      }
    }
  }

  private static boolean isAbandoned(Path directory, String user) {
    try {
      if (!Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)
          || !Files.getOwner(directory, LinkOption.NOFOLLOW_LINKS).getName().equals(user)) {
        return false;
      }
      try (FileChannel lockFile =
              FileChannel.open(
                  directory.resolve(LOCK), StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS);
          FileLock lock = lockFile.tryLock()) {
        return lock != null;
      }
    } catch (NoSuchFileException e) {
      return isOld(directory);
    } catch (IOException e) {
      LOG.debug("cannot tell whether the agent of {} lives", directory, e);
      return false;
    }
  }

  private static boolean isOld(Path directory) {
    try {
      Instant changed = Files.getLastModifiedTime(directory).toInstant();
      return changed.isBefore(Instant.now().minus(MAKING));
    } catch (IOException e) {
      return false;
    }
  }

  /** Deletes a tree without following links; logs what it cannot delete and goes on. */
  static void delete(Path tree) {
    try {
      Files.walkFileTree(
          tree,
          new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
                throws IOException {
              Files.deleteIfExists(file);
              return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFileFailed(Path file, IOException e) {
              return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult postVisitDirectory(Path directory, IOException e)
                throws IOException {
              Files.deleteIfExists(directory);
              return FileVisitResult.CONTINUE;
            }
          });
    } catch (IOException e) {
      LOG.warn("cannot delete {}: {}", tree, e.toString());
    }
  }

  @Override
  public void close() {
    delete(root);
    try {
      lockFile.close();
    } catch (IOException e) {
      LOG.debug("closing the lock of {}", root, e);
    }
  }
}
