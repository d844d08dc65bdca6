package dev.trireme.launcher.rank;

import dev.trireme.api.checkpoint.CheckpointException;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.CollectiveException.Cause;

/**
 * Decides whether a rank whose formation has ended with an exception leaves it and stays, for the
 * next one, or ends with its process. It stays where a collective has failed: that is mostly
 * another's doing. It ends where its own program, data or device has; others hold the same state.
 *
 * <p>While a formation forms, and where it is a checkpoint that could not be written, what failed
 * is often the same for all of its ranks: an object store that is away, memory that the dead still
 * occupy. If they all ended, the state would be lost with them. So who holds it whole stays, and
 * blames nobody; how often that may happen without a step between is the coordinator's to bound.
 */
final class Leaving {
  private Leaving() {}

  /**
   * With what the rank leaves its formation.
   *
   * @param begun whether it has trained in this formation
   * @param sound whether it holds the state of a step whole
   * @throws Exception {@code thrown} itself, where the process is to end
   */
  static CollectiveException of(Exception thrown, int rank, boolean begun, boolean sound)
      throws Exception {
    // However deep in what a user's program has thrown.
    for (Throwable e = thrown; e != null; e = e.getCause()) {
      if (e instanceof CollectiveException broken && broken.reason() != Cause.MISMATCH) {
        if (broken.reason() == Cause.OWN_FAULT) {
          throw broken;
        }
        return broken;
      }
    }
    if (sound && (!begun || thrown instanceof CheckpointException)) {
      CollectiveException left =
          new CollectiveException(Cause.UNUSABLE, -1, "rank " + rank + ": " + thrown.getMessage());
      left.initCause(thrown);
      return left;
    }
    throw thrown;
  }
}
