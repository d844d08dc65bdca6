package dev.trireme.coordinator.store;

import dev.trireme.coordinator.CoordinatorException;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** One coordinator's hold on its state directory; the kernel drops it with the process. */
final class StateLock implements AutoCloseable {
  private final FileChannel channel;

  private StateLock(FileChannel channel) {
    this.channel = channel;
  }

  /**
   * Makes the directory if absent and locks it; from then on no other account can enter it.
   *
   * @throws CoordinatorException when it cannot be used or another process has it
   */
  static StateLock take(Path directory) {
    FileChannel channel = null;
    try {
      PrivateFiles.makeDirectory(directory);
      channel =
          FileChannel.open(
              directory.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
      FileLock lock = channel.tryLock();
      if (lock != null) {
        PrivateFiles.narrow(directory);
        return new StateLock(channel);
      }
    } catch (OverlappingFileLockException e) {
      // The same answer as when another process holds it.
    } catch (IOException e) {
      closeQuietly(channel);
      throw new CoordinatorException(
          "cannot use the state directory " + directory + " (" + e + "); choose another", e);
    }
    closeQuietly(channel);
    throw new CoordinatorException(
        "the state directory "
            + directory
            + " is in use by another coordinator; stop that one or choose another directory");
  }

  @Override
  public void close() {
    closeQuietly(channel);
  }

  private static void closeQuietly(FileChannel channel) {
    try {
      if (channel != null) {
        channel.close();
      }
    } catch (IOException e) {
      // Only a lock, and it goes with the process at the latest.
    }
  }
}
