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

  private final Runnable cancel;
  private final CountDownLatch ended = new CountDownLatch(1);
  private final Thread hook = new Thread(this::interrupted, "cancel-on-interrupt");

  private CancelOnInterrupt(Runnable cancel) {
    this.cancel = cancel;
  }

  /**
   * @param cancel called once, on the JVM's shutdown thread; must return soon
   */
  static CancelOnInterrupt install(Runnable cancel) {
    CancelOnInterrupt installed = new CancelOnInterrupt(cancel);
    Runtime.getRuntime().addShutdownHook(installed.hook);
    return installed;
  }

  private void interrupted() {
    if (ended.getCount() == 0) {
      return;
    }
    cancel.run();
    try {
      ended.await(DEADLINE.toMillis(), TimeUnit.MILLISECONDS);
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
