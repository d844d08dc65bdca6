package dev.trireme.launcher.cluster;

import dev.trireme.launcher.cli.ExitCode;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Turns SIGTERM and Ctrl-C into an orderly stop: the JVM's shutdown waits until everything has been
 * closed, some seconds at most, and the process then ends with exit code 0.
 */
final class ServiceStop implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(ServiceStop.class);
  private static final long DEADLINE_SECONDS = 20;

  private final Object change = new Object();
  private boolean asked;
  private final CountDownLatch stopped = new CountDownLatch(1);
  private final Thread hook = new Thread(this::onShutdown, "trireme-stop");

  static ServiceStop listen() {
    ServiceStop stop = new ServiceStop();
    Runtime.getRuntime().addShutdownHook(stop.hook);
    return stop;
  }

  private void onShutdown() {
    if (stopped.getCount() == 0) {
      return;
    }
    LOG.info("stopping");
    ask();
    int code = ExitCode.DONE;
    try {
      if (!stopped.await(DEADLINE_SECONDS, TimeUnit.SECONDS)) {
        LOG.error("not stopped within {} s", DEADLINE_SECONDS);
        code = ExitCode.FAILED;
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    System.out.flush();
    System.err.flush();
    // The JVM would report the signal instead, which supervisors take for a failure.
    Runtime.getRuntime().halt(code);
  }

  private void ask() {
    synchronized (change) {
      asked = true;
      change.notifyAll();
    }
  }

  /** Lets {@link #awaitOr} look again. */
  void wake() {
    synchronized (change) {
      change.notifyAll();
    }
  }

  boolean isAsked() {
    synchronized (change) {
      return asked;
    }
  }

  /** Waits until the service is to stop. */
  void await() throws InterruptedException {
    awaitOr(() -> false);
  }

  /** Waits until the service is to stop, or something else is so, of which {@link #wake} tells. */
  void awaitOr(BooleanSupplier condition) throws InterruptedException {
    synchronized (change) {
      while (!asked && !condition.getAsBoolean()) {
        change.wait();
      }
    }
  }

  /** Waits until the service is to stop, for so long at most. */
  void awaitFor(Duration most) throws InterruptedException {
    long until = System.nanoTime() + most.toNanos();
    synchronized (change) {
      for (long left = most.toMillis();
          !asked && left > 0;
          left = TimeUnit.NANOSECONDS.toMillis(until - System.nanoTime())) {
        change.wait(left);
      }
    }
  }

  /** Says that everything has been closed. */
  @Override
  public void close() {
    stopped.countDown();
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      // Already shutting down: the hook is waiting for this very call.
    }
  }
}
