package dev.trireme.allreduce.group;

import dev.trireme.allreduce.transport.SignalKind;

/**
 * What this rank has heard of another. Operations are counted from 1 on every rank alike.
 *
 * <p>Threading: whoever holds the sequencer.
 */
final class Peer {
  /** How far a peer may be ahead of this rank; more than it can have in flight. */
  private static final int AHEAD = 4 * InFlight.MAX;

  private final int rank;
  private final long[] where = new long[AHEAD];
  private final long[] what = new long[AHEAD];
  private long started;
  private long operation;
  private long stage;
  private long heardNanos;
  private SignalKind said = SignalKind.HELLO;
  private long saidOf;
  private long saidFirst;
  private boolean left;

  Peer(int rank, long now) {
    this.rank = rank;
    this.heardNanos = now;
  }

  int rank() {
    return rank;
  }

  /**
   * Takes a READY, STAGE, HEARTBEAT or LEFT.
   *
   * @param completed operations of this rank
   * @return false when it makes no sense after what was heard before
   */
  boolean hear(SignalKind kind, long about, long first, long second, long completed, long now) {
    heardNanos = now;
    said = kind;
    saidOf = about;
    saidFirst = first;
    switch (kind) {
      case READY -> {
        if (about != started + 1 || about >= completed + AHEAD) {
          return false;
        }
        started = about;
        where[(int) (about % AHEAD)] = first;
        what[(int) (about % AHEAD)] = second;
      }
      case STAGE -> {
        operation = about;
        stage = first;
      }
      case LEFT -> left = true;
      default -> {}
    }
    return true;
  }

  /** Takes any other sign of life. */
  void heard(long now) {
    heardNanos = now;
  }

  /** Whether it has started this operation. */
  boolean hasStarted(long about) {
    return started >= about;
  }

  /** Where its buffer of a started operation is. */
  long where(long about) {
    return where[(int) (about % AHEAD)];
  }

  /** The signature of a started operation. */
  long what(long about) {
    return what[(int) (about % AHEAD)];
  }

  /** Whether it has reached this stage of this operation. */
  boolean hasReached(long about, long wanted) {
    return operation > about || (operation == about && stage >= wanted);
  }

  /** Whether it has closed its group. */
  boolean left() {
    return left;
  }

  long silentNanos(long now) {
    return now - heardNanos;
  }

  /** When it was last heard of and with what, for people. */
  String lastSeen(long now) {
    long tenths = silentNanos(now) / 100_000_000;
    return "rank "
        + rank
        + " was last heard of "
        + tenths / 10
        + "."
        + tenths % 10
        + " s ago, when it "
        + lastSaid();
  }

  private String lastSaid() {
    return switch (said) {
      case READY -> "started operation " + saidOf;
      case STAGE -> "had reached stage " + saidFirst + " of operation " + saidOf;
      case HEARTBEAT ->
          "had completed "
              + saidOf
              + " operations and had "
              + saidFirst
              + " in flight (the last that it had started: "
              + started
              + ", its last stage: "
              + stage
              + " of operation "
              + operation
              + ")";
      case LEFT -> "left the group";
      default -> "joined";
    };
  }
}
