package dev.trireme.allreduce.bench;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Instant;
import java.util.HexFormat;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The directory of one measurement in shared memory, which nobody else can enter. A lock on a file
 * inside tells whether its owner lives, for the kernel drops it with the process: what an owner
 * that was killed has left, the next one of the same user deletes.
 *
 * <p>Every account of the machine can make such a directory, and fill it as it likes: only what
 * belongs to this user is touched, and no link is followed. A process must not open the lock files
 * of its own directories, for closing one would drop the lock, so the name says which process one
 * belongs to.
 */
final class BenchDirectory implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(BenchDirectory.class);
  private static final String PREFIX = "trireme-bench-";
  private static final String LOCK = "lock";

  private final Path path;
  private final FileChannel lockFile;

  private BenchDirectory(Path path, FileChannel lockFile) {
    this.path = path;
    this.lockFile = lockFile;
  }

  /**
   * Makes the directory, once room for {@code bytes} has been found there.
   *
   * @throws BenchException when there is no room
   */
  static BenchDirectory create(Path memory, long bytes) throws IOException, BenchException {
    String own = ownPrefix();
    sweep(memory, own);
    long free = Files.getFileStore(memory).getUsableSpace();
    if (free < bytes) {
      throw new BenchException(
          -1,
          "no room in "
              + memory
              + ": "
              + bytes
              + " bytes are needed, "
              + free
              + " are free; measure smaller sizes (-e) on fewer ranks, or make that file system"
              + " larger (in a container: --shm-size)");
    }
    Path path = Files.createTempDirectory(memory, own);
    FileChannel lockFile =
        FileChannel.open(
            path.resolve(LOCK), StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    lockFile.lock();
    return new BenchDirectory(path, lockFile);
  }

  Path path() {
    return path;
  }

  private static String ownPrefix() {
    ProcessHandle self = ProcessHandle.current();
    long started = self.info().startInstant().map(Instant::toEpochMilli).orElse(0L);
    return PREFIX + self.pid() + "-" + HexFormat.of().toHexDigits(started) + "-";
  }

  private static void sweep(Path memory, String own) throws IOException {
    String user = System.getProperty("user.name");
    try (DirectoryStream<Path> found = Files.newDirectoryStream(memory, PREFIX + "*")) {
      for (Path directory : found) {
        boolean mine = directory.getFileName().toString().startsWith(own);
        if (!mine && isAbandoned(directory, user)) {
          delete(directory);
        }
      }
    }
  }

  /** No without a lock file, for it may be in the making. */
  private static boolean isAbandoned(Path directory, String user) {
    Path lock = directory.resolve(LOCK);
    try {
      // A pipe in the place of the lock would have who opens it wait for a reader.
      if (!Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)
          || !Files.getOwner(directory, LinkOption.NOFOLLOW_LINKS).getName().equals(user)
          || !Files.isRegularFile(lock, LinkOption.NOFOLLOW_LINKS)) {
        return false;
      }
      try (FileChannel channel =
              FileChannel.open(lock, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS);
          FileLock taken = channel.tryLock()) {
        return taken != null;
      }
    } catch (IOException | OverlappingFileLockException e) {
      LOG.debug("cannot tell whether the owner of {} lives", directory, e);
      return false;
    }
  }

  /** Deletes a tree without following links; what cannot be deleted stays. */
  private static void delete(Path tree) {
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
  public void close() throws IOException {
    delete(path);
    lockFile.close();
  }
}
