package dev.trireme.allreduce.transport;

import java.util.Arrays;
import java.util.concurrent.TimeUnit;

/**
 * What is known of ranks of other hosts that leave. The driver of a rank ends with it, and nobody
 * would send again what the network has lost by then; so a rank that has said LEFT or FAILED stays
 * until each peer has answered SEEN, which a peer does once it has read all bytes that were written
 * to it. The answer may be lost, too: a peer that has itself said that it goes is waited for only a
 * little.
 *
 * <p>Proof that nobody is left without what it needs: a rank goes when a peer has SEEN, which means
 * that the peer has read everything; or when the peer goes itself, and so needs nothing; or when
 * the peer is gone or the time is up, which are errors anyway.
 *
 * <p>Threading: one thread at a time.
 */
final class Partings {
  private static final long GRACE_NANOS = TimeUnit.MILLISECONDS.toNanos(300);

  private final long[] end;
  private final boolean[] going;
  private final boolean[] owed;
  private final boolean[] seen;
  private boolean failed;

  Partings(int worldSize) {
    this.end = new long[worldSize];
    this.going = new boolean[worldSize];
    this.owed = new boolean[worldSize];
    this.seen = new boolean[worldSize];
    Arrays.fill(end, Long.MAX_VALUE);
  }

  /** Takes what a peer says; says whether that was only for this. */
  boolean hear(int from, SignalKind kind, long first) {
    if (kind == SignalKind.SEEN) {
      seen[from] = true;
      return true;
    }
    if (kind == SignalKind.LEFT || kind == SignalKind.FAILED) {
      going[from] = true;
      owed[from] = true;
      failed |= kind == SignalKind.FAILED;
      end[from] = kind == SignalKind.LEFT ? first : 0;
    }
    return false;
  }

  /** This rank gives up. */
  void failed() {
    failed = true;
  }

  /** Whether somebody has given up, after which nobody waits for bytes. */
  boolean hasFailed() {
    return failed;
  }

  /** Where the bytes of a peer that goes end. */
  long end(int peer) {
    return end[peer];
  }

  boolean owes(int peer) {
    return owed[peer];
  }

  void answered(int peer) {
    owed[peer] = false;
  }

  /**
   * Whether this rank may go, as far as this peer is concerned.
   *
   * @param waited since it said so
   */
  boolean lets(int peer, long waited) {
    return seen[peer] || going[peer] && waited > GRACE_NANOS;
  }
}
