package dev.trireme.allreduce.bench;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.agrona.IoUtil;

/**
 * The directory of one measurement in shared memory, which nobody else can enter. A lock on a file
 * inside tells whether its owner lives, for the kernel drops it with the process: what an owner
 * that was killed has left, the next one deletes.
 */
final class BenchDirectory implements AutoCloseable {
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
    sweep(memory);
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
    Path path = Files.createTempDirectory(memory, PREFIX);
    FileChannel lockFile =
        FileChannel.open(
            path.resolve(LOCK), StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    lockFile.lock();
    return new BenchDirectory(path, lockFile);
  }

  Path path() {
    return path;
  }

  private static void sweep(Path memory) throws IOException {
    try (DirectoryStream<Path> found = Files.newDirectoryStream(memory, PREFIX + "*")) {
      for (Path directory : found) {
        if (isAbandoned(directory.resolve(LOCK))) {
          IoUtil.delete(directory.toFile(), true);
        }
      }
    }
  }

  /** No without a lock file: it may be in the making, or another user's. */
  private static boolean isAbandoned(Path lock) {
    try (FileChannel channel = FileChannel.open(lock, StandardOpenOption.WRITE);
        FileLock taken = channel.tryLock()) {
      return taken != null;
    } catch (IOException | OverlappingFileLockException e) {
      return false;
    }
  }

  @Override
  public void close() throws IOException {
    IoUtil.delete(path.toFile(), true);
    lockFile.close();
  }
}
