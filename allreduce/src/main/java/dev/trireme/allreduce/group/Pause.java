package dev.trireme.allreduce.group;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * How a thread that awaits a collective spends the time until something arrives: it spins, since a
 * peer is usually only microseconds behind; then it yields, which costs nothing while no other
 * thread wants the core; then it naps, longer and longer, so that a rank that waits for a slow peer
 * leaves its core to others.
 *
 * <p>Where there are more ranks than cores it does not spin: the peer it waits for may need the
 * core.
 */
final class Pause {
  private static final long YIELD_UNTIL_NANOS = TimeUnit.MILLISECONDS.toNanos(2);

  private static final long FIRST_NAP_NANOS = TimeUnit.MICROSECONDS.toNanos(20);
  private static final long LAST_NAP_NANOS = TimeUnit.MILLISECONDS.toNanos(1);
  private static final int SPINS = 2_000;

  private final int spins;
  private int count;
  private long idleSince;
  private long nap = FIRST_NAP_NANOS;

  Pause(boolean coreOfItsOwn) {
    this.spins = coreOfItsOwn ? SPINS : 0;
  }

  /** Something has arrived. */
  void reset() {
    count = 0;
    nap = FIRST_NAP_NANOS;
  }

  /** Nothing has. */
  void idle() {
    if (count < spins) {
      count++;
      Thread.onSpinWait();
      return;
    }
    long now = System.nanoTime();
    if (count == spins) {
      count++;
      idleSince = now;
    }
    if (now - idleSince < YIELD_UNTIL_NANOS) {
      Thread.yield();
    } else {
      LockSupport.parkNanos(nap);
      nap = Math.min(LAST_NAP_NANOS, nap + nap / 2);
    }
  }
}
