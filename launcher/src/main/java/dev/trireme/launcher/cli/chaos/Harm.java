package dev.trireme.launcher.cli.chaos;

import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** Does something to a process, and takes it back. Blocking: as long as it lasts. */
final class Harm {
  private static final Duration BEAT = Duration.ofMillis(50);

  private Harm() {}

  /**
   * Does it. What lasts ends early when the process does, or when {@code enough} says so.
   *
   * @param lasting how long a process is frozen or slow
   */
  static void inflict(HarmKind kind, ProcessHandle process, Duration lasting, Enough enough)
      throws IOException, InterruptedException {
    switch (kind) {
      case KILL -> process.destroyForcibly();
      case FREEZE -> {
        signal("STOP", process);
        try {
          sleepUntil(System.nanoTime() + lasting.toNanos(), process, enough);
        } finally {
          signal("CONT", process);
        }
      }
      case SLOW -> slow(process, lasting, enough);
    }
  }

  /** Ends what lasts. */
  @FunctionalInterface
  interface Enough {
    boolean isEnough() throws IOException;
  }

  private static void slow(ProcessHandle process, Duration lasting, Enough enough)
      throws IOException, InterruptedException {
    long end = System.nanoTime() + lasting.toNanos();
    try {
      while (System.nanoTime() < end && process.isAlive() && !enough.isEnough()) {
        signal("STOP", process);
        TimeUnit.MILLISECONDS.sleep(BEAT.toMillis());
        signal("CONT", process);
        TimeUnit.MILLISECONDS.sleep(BEAT.toMillis());
      }
    } finally {
      signal("CONT", process);
    }
  }

  private static void sleepUntil(long end, ProcessHandle process, Enough enough)
      throws IOException, InterruptedException {
    while (System.nanoTime() < end && process.isAlive() && !enough.isEnough()) {
      TimeUnit.MILLISECONDS.sleep(BEAT.toMillis());
    }
  }

  /** The handle knows when its process began, so that another of the same number is spared. */
  private static void signal(String name, ProcessHandle process)
      throws IOException, InterruptedException {
    if (process.isAlive()) {
      new ProcessBuilder("kill", "-" + name, String.valueOf(process.pid()))
          .redirectErrorStream(true)
          .redirectOutput(ProcessBuilder.Redirect.DISCARD)
          .start()
          .waitFor();
    }
  }
}
