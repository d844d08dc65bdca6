package dev.trireme.protocol;

/**
 * Where the ranks of a formation get their state from.
 *
 * @param kind what it is
 * @param rank that holds the state; -1 unless {@code kind} is {@link Kind#RANK}
 */
public record StateSource(Kind kind, int rank) {
  /** What holds the state. */
  public enum Kind {
    /** As the job says: {@code checkpoint.resumeFrom}, or fresh weights. */
    JOB,
    /** The newest whole checkpoint of this run; without one, as the job says. */
    CHECKPOINT,
    /** A rank that survived. */
    RANK
  }

  /** As the job says. */
  public static final StateSource JOB = new StateSource(Kind.JOB, -1);

  /** The newest whole checkpoint of this run; without one, as the job says. */
  public static final StateSource CHECKPOINT = new StateSource(Kind.CHECKPOINT, -1);

  public StateSource {
    if ((kind == Kind.RANK) != (rank >= 0)) {
      throw new IllegalArgumentException("no such source of state: " + kind + " " + rank);
    }
  }

  /** A rank of the new formation that holds the state. */
  public static StateSource rank(int rank) {
    return new StateSource(Kind.RANK, rank);
  }
}
