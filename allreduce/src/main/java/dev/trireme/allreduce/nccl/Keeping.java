package dev.trireme.allreduce.nccl;

import java.util.concurrent.TimeUnit;

/**
 * Holds up the end of a communicator that was aborted, until those that are left have made theirs
 * of it or it is clear that they will not. Its operations' waiters have been woken before; on the
 * device, they may go on until then.
 *
 * <p>Threading: any.
 */
final class Keeping {
  private enum State {
    /** Nobody has asked for it yet. */
    OFFERED,
    /** Somebody is about to use it. */
    CLAIMED,
    OVER
  }

  private final long offeredNanos;
  private final long claimedNanos;
  private State state;

  /**
   * @param offeredNanos how long it is kept before somebody claims it; 0 for not at all
   * @param claimedNanos how long after that
   */
  Keeping(long offeredNanos, long claimedNanos) {
    this.offeredNanos = offeredNanos;
    this.claimedNanos = claimedNanos;
    this.state = offeredNanos > 0 ? State.OFFERED : State.OVER;
  }

  /** Claims it, once; false where it is too late. */
  synchronized boolean claim() {
    if (state != State.OFFERED) {
      return false;
    }
    state = State.CLAIMED;
    notifyAll();
    return true;
  }

  /** Lets it go. */
  synchronized void end() {
    state = State.OVER;
    notifyAll();
  }

  /** Blocks until it is let go, or its time is up. */
  synchronized void await() {
    try {
      await(State.OFFERED, offeredNanos);
      await(State.CLAIMED, claimedNanos);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    state = State.OVER;
  }

  private void await(State during, long nanos) throws InterruptedException {
    long start = System.nanoTime();
    while (state == during) {
      long rest = nanos - (System.nanoTime() - start);
      if (rest <= 0) {
        return;
      }
      wait(Math.max(1, TimeUnit.NANOSECONDS.toMillis(rest)));
    }
  }
}
