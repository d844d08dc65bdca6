package dev.trireme.checkpoint;

import dev.trireme.api.collective.CollectiveException;
import java.time.Duration;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

/**
 * A wait for a write that ends early when the formation is called off. A rank that sat in it until
 * the storage answers would be taken for one that does not leave, and be killed with its state.
 */
final class AbortableWait {
  /** Between two looks, and what a write has that ends by itself once its formation is over. */
  private static final long SLICE_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

  private AbortableWait() {}

  /**
   * Waits for a task, which it leaves alone in any case.
   *
   * @param over whether the formation is called off
   * @param verdict what to say then
   * @throws CollectiveException when the formation is called off and the task goes on
   * @throws TimeoutException when the task goes on after {@code deadline}
   */
  static <T> T await(
      Future<T> task, Duration deadline, BooleanSupplier over, Supplier<String> verdict)
      throws InterruptedException, ExecutionException, TimeoutException {
    long end = System.nanoTime() + Math.max(0, deadline.toNanos());
    while (true) {
      boolean calledOff = over.getAsBoolean();
      long left = end - System.nanoTime();
      try {
        return task.get(Math.max(0, Math.min(left, SLICE_NANOS)), TimeUnit.NANOSECONDS);
      } catch (TimeoutException e) {
        if (calledOff) {
          throw new CollectiveException(CollectiveException.Cause.ABORTED, -1, verdict.get());
        }
        if (left <= SLICE_NANOS) {
          throw e;
        }
      }
    }
  }
}
