package dev.trireme.allreduce.transport;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/**
 * A peer's process as this host's kernel sees it: the quickest witness of a death, much quicker
 * than the media driver's client timeout.
 *
 * <p>Threading: one thread at a time.
 */
final class PeerProcess {
  private static final long STATE_CHECK_NANOS = TimeUnit.MILLISECONDS.toNanos(500);

  private final long pid;
  private final Optional<ProcessHandle> handle;
  private long stateCheckNanos = System.nanoTime();

  /**
   * @param pid as the peer gave it. One that this process cannot see (the peer lives in another
   *     process namespace) is never reported as lost.
   */
  PeerProcess(long pid) {
    this.pid = pid;
    this.handle = ProcessHandle.of(pid);
  }

  /** How the process went; empty while it lives. */
  Optional<String> lost() {
    if (handle.isPresent() && !handle.get().isAlive()) {
      return Optional.of("its process " + pid + " is gone");
    }
    long now = System.nanoTime();
    if (handle.isEmpty() || now - stateCheckNanos < STATE_CHECK_NANOS) {
      return Optional.empty();
    }
    stateCheckNanos = now;
    // Java takes a dead process for a living one until its parent has fetched its exit code.
    char state = state();
    return state == 'Z' || state == 'X'
        ? Optional.of("its process " + pid + " is dead, though its parent has not noticed")
        : Optional.empty();
  }

  /** What keeps a living process from running. */
  Optional<String> condition() {
    char state = handle.isPresent() ? state() : '?';
    return state == 'T' || state == 't'
        ? Optional.of("its process " + pid + " is stopped (by a signal or a debugger)")
        : Optional.empty();
  }

  /** The kernel's letter for it; a question mark where there is no such thing. */
  private char state() {
    try {
      // 812 (java) S 1 ...: the name may hold anything, a parenthesis too.
      String stat =
          Files.readString(Path.of("/proc/" + pid + "/stat"), StandardCharsets.ISO_8859_1);
      int after = stat.lastIndexOf(')');
      return after >= 0 && after + 2 < stat.length() ? stat.charAt(after + 2) : '?';
    } catch (IOException e) {
      return '?';
    }
  }
}
