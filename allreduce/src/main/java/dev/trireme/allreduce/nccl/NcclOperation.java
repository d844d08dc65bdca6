package dev.trireme.allreduce.nccl;

import dev.trireme.allreduce.cuda.CudaEvent;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.Work;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** An operation in flight. The runner moves it on; whoever waits only waits. */
final class NcclOperation implements Work {
  private static final Logger LOG = LoggerFactory.getLogger(NcclOperation.class);

  /** A small operation is done sooner than a thread can be put to sleep and woken. */
  private static final int SPINS = Runtime.getRuntime().availableProcessors() > 2 ? 2_000 : 20;

  private static final long LOOK_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

  private final NcclRunner runner;
  private final NcclCall call;
  private final long number;
  private final String label;
  private final CudaEvent ready;
  private final CountDownLatch ended = new CountDownLatch(1);
  private final List<Consumer<Optional<CollectiveException>>> callbacks = new ArrayList<>();
  private boolean ending;
  private volatile boolean done;
  private volatile long headSinceNanos;
  private CollectiveException failure;
  // Below: the runner alone.
  private Staging staging;
  private CudaEvent complete;

  /**
   * @param ready marks what the compute stream has to do before it
   */
  NcclOperation(NcclRunner runner, NcclCall call, long number, String label, CudaEvent ready) {
    this.runner = runner;
    this.call = call;
    this.number = number;
    this.label = label;
    this.ready = ready;
  }

  NcclCall call() {
    return call;
  }

  long number() {
    return number;
  }

  String label() {
    return label;
  }

  CudaEvent ready() {
    return ready;
  }

  /** Says that nothing is in flight before it; its deadline counts from then. */
  void head(long now) {
    // 0 means not yet.
    headSinceNanos = headSinceNanos == 0 ? (now == 0 ? 1 : now) : headSinceNanos;
  }

  /** How long it has been the oldest in flight; 0 while it is not. */
  long headNanos(long now) {
    long since = headSinceNanos;
    return since == 0 ? 0 : now - since;
  }

  void issued(Staging its, CudaEvent mark) {
    staging = its;
    complete = mark;
  }

  Staging staging() {
    return staging;
  }

  CudaEvent complete() {
    return complete;
  }

  /** Runs a copy from or to its buffers, unless it has ended: its user may then have freed them. */
  synchronized boolean whileItsBuffersLast(Runnable copy) {
    if (done) {
      return false;
    }
    copy.run();
    return true;
  }

  void succeed() {
    end(null);
  }

  void fail(CollectiveException why) {
    end(why);
  }

  private void end(CollectiveException why) {
    List<Consumer<Optional<CollectiveException>>> called;
    synchronized (this) {
      if (ending) {
        return;
      }
      ending = true;
      failure = why;
    }
    // First: who sees that it is done may close the group, which must not find it in flight.
    runner.ended(this, why == null);
    synchronized (this) {
      done = true;
      called = List.copyOf(callbacks);
    }
    ended.countDown();
    called.forEach(callback -> tell(callback, Optional.ofNullable(why)));
  }

  private void tell(
      Consumer<Optional<CollectiveException>> callback, Optional<CollectiveException> why) {
    try {
      callback.accept(why);
    } catch (RuntimeException e) {
      LOG.warn("the callback of {} failed", this, e);
    }
  }

  @Override
  public void whenDone(Consumer<Optional<CollectiveException>> callback) {
    synchronized (this) {
      if (!done) {
        callbacks.add(callback);
        return;
      }
    }
    tell(callback, Optional.ofNullable(failure));
  }

  @Override
  public boolean isDone() {
    return done;
  }

  @Override
  public void await() {
    await(Duration.ofDays(10_000));
  }

  @Override
  public boolean await(Duration atMost) {
    long start = System.nanoTime();
    long nanos = atMost.compareTo(Duration.ofDays(1000)) < 0 ? atMost.toNanos() : Long.MAX_VALUE;
    boolean interrupted = false;
    runner.awaiting(1);
    try {
      for (int spin = 0; spin < SPINS && !done; spin++) {
        Thread.onSpinWait();
      }
      while (!done) {
        long rest = nanos - (System.nanoTime() - start);
        if (rest <= 0) {
          return false;
        }
        try {
          ended.await(Math.min(rest, LOOK_NANOS), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
          interrupted = true;
        }
        // The runner looks too, but may itself be held up inside the library.
        runner.checkDeadline(System.nanoTime());
      }
    } finally {
      runner.awaiting(-1);
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
    if (failure != null) {
      CollectiveException mine =
          new CollectiveException(failure.reason(), failure.suspectRank(), failure.getMessage());
      mine.initCause(failure.getCause());
      throw mine;
    }
    return true;
  }

  @Override
  public String toString() {
    return "operation " + number + ", " + call.what() + (label.isEmpty() ? "" : " for " + label);
  }
}
