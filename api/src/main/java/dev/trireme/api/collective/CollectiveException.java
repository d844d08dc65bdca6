package dev.trireme.api.collective;

import java.util.Objects;

/**
 * A collective that did not complete: recoverable, in a new generation, by whoever decides
 * formations. The verdict says what a person needs: which operation, which rank was waited for.
 */
public final class CollectiveException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** Why the collective ended. */
  public enum Cause {
    /** Another thread aborted the group. */
    ABORTED,
    /** A peer was not heard of within the deadline. */
    DEADLINE,
    /** A peer's process or connection is gone. */
    PEER_LOST,
    /** The ranks started different operations, or with different dtypes or counts: a bug. */
    MISMATCH,
    /** The group was used after an earlier failure or after its close. */
    UNUSABLE,
    /**
     * What this rank itself needs has failed, its device say: another process had better take its
     * place.
     */
    OWN_FAULT
  }

  private final Cause reason;
  private final int suspectRank;

  /**
   * @param reason why it ended
   * @param suspectRank the rank waited for, or -1 when none is under suspicion
   * @param verdict generation, operation, bucket, bytes done, who was waited for and when last
   *     heard
   */
  public CollectiveException(Cause reason, int suspectRank, String verdict) {
    super(verdict);
    this.reason = Objects.requireNonNull(reason, "reason");
    this.suspectRank = suspectRank;
  }

  /** Why it ended. */
  public Cause reason() {
    return reason;
  }

  /** The rank that was waited for, or -1 when none is under suspicion. */
  public int suspectRank() {
    return suspectRank;
  }
}
