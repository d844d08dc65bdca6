package dev.trireme.data;

import dev.trireme.api.data.DataException;
import dev.trireme.api.tensor.NativeMemory;
import java.lang.management.ManagementFactory;
import java.util.OptionalLong;

/** Native memory for data, refused with a message where the host has not enough. */
final class Memory {
  /** What is not worth the question how much there is: it costs tens of milliseconds. */
  private static final long SMALL_BYTES = 1L << 30;

  private Memory() {}

  /**
   * Allocates.
   *
   * @param what it is for, with its numbers, as a message begins
   * @throws DataException when the host (or its container) has less memory than that in all
   */
  static NativeMemory.Block allocate(long bytes, int alignment, String what) {
    if (bytes > SMALL_BYTES) {
      OptionalLong total = total();
      if (total.isPresent() && bytes > total.getAsLong()) {
        throw tooMuch(what, bytes, "this host has " + mebibytes(total.getAsLong()), null);
      }
    }
    try {
      return NativeMemory.allocate(bytes, alignment);
    } catch (OutOfMemoryError e) {
      throw tooMuch(what, bytes, "this host has not as much left", e);
    }
  }

  private static DataException tooMuch(String what, long bytes, String found, Throwable cause) {
    return new DataException(
        what
            + " need "
            + mebibytes(bytes)
            + " of memory, but "
            + found
            + "; use a smaller set, a smaller batch, or a larger host",
        cause);
  }

  private static OptionalLong total() {
    return ManagementFactory.getOperatingSystemMXBean()
            instanceof com.sun.management.OperatingSystemMXBean host
        ? OptionalLong.of(host.getTotalMemorySize())
        : OptionalLong.empty();
  }

  private static String mebibytes(long bytes) {
    return (bytes >> 20) + " MiB";
  }
}
