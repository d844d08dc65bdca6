package dev.trireme.launcher.rank;

import dev.trireme.api.checkpoint.CheckpointException;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.CollectiveException.Cause;
import java.util.Optional;
import java.util.function.Function;

/**
 * Decides whether a rank whose formation has ended with an exception leaves it and stays, for the
 * next one, or ends with its process. It stays where a collective has failed: that is mostly
 * another's doing. It ends where its own program, data or device has; others hold the same state.
 *
 * <p>While a formation forms, and where it is a checkpoint that could not be written, what failed
 * is often the same for all of its ranks: an object store that is away, memory that the dead still
 * occupy. If they all ended, the state would be lost with them. So who holds it whole stays and
 * blames itself; for anything but a checkpoint only once in a row, for a process that is itself the
 * matter must make room for another. That holds for a collective, too, which could not begin here
 * for want of memory, say: its exception then names this very rank. How often all of that may
 * happen without a step between is the coordinator's to bound.
 *
 * <p>One for each process, which remembers the formation before. Threading: one thread.
 */
final class Leaving {
  private boolean stayed;

  /** A rank's part in a formation. */
  interface Part {
    /** Takes it, until the formation has ended well. */
    void take() throws Exception;
  }

  /**
   * How the rank stood when its formation ended.
   *
   * @param begun whether it has trained in this formation
   * @param sound whether it holds the state of a step whole
   * @param again whether it has stayed by itself in the formation before, too
   */
  record Standing(boolean begun, boolean sound, boolean again) {
    private boolean makesRoom() {
      return !sound || again;
    }
  }

  /**
   * Takes part in a formation.
   *
   * @param standing at its end, from whether the rank has stayed by itself in the one before
   * @return with what the rank has left it; empty where it has ended well
   * @throws Exception where the process is to end
   */
  Optional<CollectiveException> from(Part part, int rank, Function<Boolean, Standing> standing)
      throws Exception {
    try {
      part.take();
      stayed = false;
      return Optional.empty();
    } catch (Exception e) {
      CollectiveException left = of(e, rank, standing.apply(stayed));
      stayed = isOwn(left, rank);
      return Optional.of(left);
    }
  }

  /**
   * With what the rank leaves its formation.
   *
   * @throws Exception {@code thrown} itself, or the collective's exception within, where the
   *     process is to end
   */
  static CollectiveException of(Exception thrown, int rank, Standing standing) throws Exception {
    // However deep in what a user's program has thrown.
    for (Throwable e = thrown; e != null; e = e.getCause()) {
      if (e instanceof CollectiveException broken) {
        boolean ends = isOwn(broken, rank) && !standing.begun() && standing.makesRoom();
        if (ends || broken.reason() == Cause.OWN_FAULT || broken.reason() == Cause.MISMATCH) {
          throw broken;
        }
        return broken;
      }
    }
    boolean stays = thrown instanceof CheckpointException || !standing.begun() && !standing.again();
    if (!standing.sound() || !stays) {
      throw thrown;
    }
    CollectiveException left =
        new CollectiveException(Cause.UNUSABLE, rank, "rank " + rank + ": " + thrown.getMessage());
    left.initCause(thrown);
    return left;
  }

  /** Whom its peers accuse may only have been late; what it has failed in itself is unusable. */
  private static boolean isOwn(CollectiveException broken, int rank) {
    return broken.reason() == Cause.UNUSABLE && broken.suspectRank() == rank;
  }
}
