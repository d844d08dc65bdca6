package dev.trireme.launcher.embedded;

import dev.trireme.launcher.cli.ExitCode;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Turns Ctrl-C, SIGTERM and a closed terminal into a cancelled job and exit code 130: the JVM
 * starts to shut down, and this hook holds it until the run has ended in order, with every process
 * gone.
 */
final class CancelOnInterrupt implements AutoCloseable {
  /** Longer than the coordinator takes to end ranks by force. */
  private static final Duration DEADLINE = Duration.ofSeconds(25);

  /** What a save may take on top, as {@code JobService.cancelWithCheckpoint} has it. */
  private static final Duration SAVE_DEADLINE = Duration.ofMinutes(6);

  private final Termination termination;
  private final Runnable cancel;
  private final CountDownLatch ended = new CountDownLatch(1);
  private final Thread hook = new Thread(this::interrupted, "cancel-on-interrupt");

  private CancelOnInterrupt(Termination termination, Runnable cancel) {
    this.termination = termination;
    this.cancel = cancel;
  }

  /**
   * @param termination which of the two it was
   * @param cancel called once, on the JVM's shutdown thread; must return soon
   */
  static CancelOnInterrupt install(Termination termination, Runnable cancel) {
    CancelOnInterrupt installed = new CancelOnInterrupt(termination, cancel);
    Runtime.getRuntime().addShutdownHook(installed.hook);
    return installed;
  }

  /** As above, where SIGTERM is to mean no more than Ctrl-C. */
  static CancelOnInterrupt install(Runnable cancel) {
    return install(Termination.NEVER, cancel);
  }

  private void interrupted() {
    if (ended.getCount() == 0) {
      return;
    }
    try {
      cancel.run();
    } catch (RuntimeException e) {
      // The run may still end by itself, and is waited for all the same.
      System.err.println("trireme: cannot cancel: " + e.getMessage());
    }
    try {
      Duration deadline = termination.isAsked() ? DEADLINE.plus(SAVE_DEADLINE) : DEADLINE;
      ended.await(deadline.toMillis(), TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    System.out.flush();
    System.err.flush();
    // The JVM would report the signal instead; 130 is what scripts expect of a cancelled job.
    Runtime.getRuntime().halt(ExitCode.CANCELLED);
  }

  /** Says that the run has ended and everything is closed. */
  @Override
  public void close() {
    ended.countDown();
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      // Already shutting down: the hook is waiting for this very call.
    }
  }
}
