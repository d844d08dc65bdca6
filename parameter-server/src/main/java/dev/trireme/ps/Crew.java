package dev.trireme.ps;

import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;

/**
 * Threads that help the server's with tasks that have nothing to do with each other, as updates of
 * shards. Who comes too late finds nothing left to do, so a helper that gets no core holds up
 * nothing but the task that it has begun.
 *
 * <p>Threading: one thread calls it. Its helpers are named {@code trireme-server-N}, and end with
 * it.
 */
final class Crew implements AutoCloseable {
  /** More threads than this have no memory bandwidth to share. */
  static final int LARGEST = 4;

  private final int helpers;
  private final ExecutorService threads;

  /**
   * @param size threads at once, the caller's among them
   */
  Crew(int size) {
    this.helpers = size - 1;
    AtomicInteger number = new AtomicInteger();
    this.threads =
        Executors.newFixedThreadPool(
            Math.max(1, helpers),
            task -> {
              Thread thread = new Thread(task, "trireme-server-" + number.incrementAndGet());
              thread.setDaemon(true);
              return thread;
            });
    for (int helper = 0; helper < helpers; helper++) {
      // A thread that cannot be had must be missed now, not in the midst of an update.
      threads.execute(() -> {});
    }
  }

  /** As many as this host has cores, at most {@value #LARGEST}. */
  static Crew ofHost() {
    return new Crew(Math.min(LARGEST, Runtime.getRuntime().availableProcessors()));
  }

  /**
   * Runs all, in any order.
   *
   * <p>Blocking: until all are done.
   *
   * @throws RuntimeException what a task has thrown
   */
  void run(List<Runnable> tasks) {
    AtomicInteger next = new AtomicInteger();
    CountDownLatch left = new CountDownLatch(tasks.size());
    AtomicReference<Throwable> failure = new AtomicReference<>();
    Runnable work =
        () -> {
          for (int i = next.getAndIncrement(); i < tasks.size(); i = next.getAndIncrement()) {
            try {
              tasks.get(i).run();
            } catch (RuntimeException | Error e) {
              failure.compareAndSet(null, e);
            } finally {
              left.countDown();
            }
          }
        };
    for (int helper = 0; helper < Math.min(helpers, tasks.size() - 1); helper++) {
      threads.execute(work);
    }
    work.run();
    await(left);
    if (failure.get() != null) {
      throw new IllegalStateException("the update of a shard has failed", failure.get());
    }
  }

  /** Tasks end by themselves, and nobody may touch what they work on before: not interruptible. */
  private static void await(CountDownLatch left) {
    boolean interrupted = false;
    while (left.getCount() > 0) {
      try {
        left.await();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void close() {
    threads.shutdown();
  }
}
