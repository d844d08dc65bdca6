package dev.trireme.allreduce.transport;

import io.aeron.logbuffer.LogBufferDescriptor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Whether the file system of the media driver has room for the logs of a group. Asked before any is
 * mapped: a page of a mapped log without memory behind it would end the process, and the driver
 * with it, on its first use.
 */
final class LogRoom {
  private static final int PAGE_BYTES = 4096;

  private LogRoom() {}

  /** Bytes of a stream's log on one side, for this term length. */
  static long bytes(int termLength) {
    return LogBufferDescriptor.computeLogLength(termLength, PAGE_BYTES);
  }

  /**
   * Checks that there is room.
   *
   * @param logs bytes of all logs that this rank's streams need
   * @throws IllegalStateException when there is none; it says both numbers and what to set
   */
  static void require(Path aeronDirectory, long logs) {
    long free;
    try {
      free = Files.getFileStore(aeronDirectory).getUsableSpace();
    } catch (IOException e) {
      throw new IllegalStateException(
          "the media driver's directory " + aeronDirectory + " cannot be used: " + e, e);
    }
    if (free < logs) {
      throw new IllegalStateException(
          "no room for "
              + logs
              + " bytes of Aeron logs in "
              + aeronDirectory
              + ": "
              + free
              + " bytes are free; make that file system larger (in a container: --shm-size), or"
              + " lower parallel.workers");
    }
  }
}
