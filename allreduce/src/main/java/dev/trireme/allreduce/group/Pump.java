package dev.trireme.allreduce.group;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * The group's own thread. It drives the sequencer while operations are in flight and nobody awaits
 * one, or peers still lack bytes of those that are done here, and keeps the heartbeat going. It
 * naps in between, since the thread that computes has the better use for the core, and longer where
 * no peer waits for this rank but it for messages; while somebody awaits a result it leaves the
 * driving to them.
 */
final class Pump implements AutoCloseable {
  private static final long BUSY_NAP_NANOS = TimeUnit.MICROSECONDS.toNanos(300);
  private static final long LISTENING_NAP_NANOS = TimeUnit.MILLISECONDS.toNanos(2);
  private static final long AWAITED_NAP_NANOS = TimeUnit.MILLISECONDS.toNanos(2);
  private static final long DOZE_NANOS = TimeUnit.MILLISECONDS.toNanos(50);
  private static final long END_MILLIS = 5_000;

  private final Sequencer sequencer;
  private final Thread thread;
  private volatile boolean dozing;
  private volatile boolean closed;

  Pump(Sequencer sequencer, int rank) {
    this.sequencer = sequencer;
    this.thread = new Thread(this::run, "trireme-collectives-rank-" + rank);
    thread.setDaemon(true);
  }

  void start() {
    thread.start();
  }

  /** Says that there is something to do. */
  void wake() {
    if (dozing) {
      LockSupport.unpark(thread);
    }
  }

  private void run() {
    while (!closed) {
      boolean awaited = sequencer.awaiting() > 0;
      if (!awaited && sequencer.drive() == Sequencer.Driven.MOVED) {
        continue;
      }
      if (awaited) {
        LockSupport.parkNanos(AWAITED_NAP_NANOS);
      } else if (sequencer.onlyListens()) {
        dozing = true;
        if (sequencer.onlyListens() && !closed) {
          LockSupport.parkNanos(LISTENING_NAP_NANOS);
        }
        dozing = false;
      } else if (sequencer.inFlight() > 0 || sequencer.owes()) {
        LockSupport.parkNanos(BUSY_NAP_NANOS);
      } else {
        dozing = true;
        if (sequencer.inFlight() == 0 && !closed) {
          LockSupport.parkNanos(DOZE_NANOS);
        }
        dozing = false;
      }
    }
  }

  /** Ends the thread and waits for that. */
  @Override
  public void close() {
    closed = true;
    LockSupport.unpark(thread);
    try {
      thread.join(END_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
