package dev.trireme.allreduce.group;

import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.CollectiveException.Cause;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;

/**
 * Why a group cannot be used any more, or is about to be unusable: it was asked to abort, a peer
 * has given up, or this rank has.
 *
 * <p>Threading: any may ask for an abort and ask whether the group is usable; the rest is for
 * whoever holds the sequencer.
 */
final class Downfall {
  private final long generation;
  private final int rank;
  private final AtomicReference<CollectiveException> failure = new AtomicReference<>();
  private final AtomicReference<String> abortRequest = new AtomicReference<>();
  private Optional<CollectiveException> heard = Optional.empty();

  /**
   * @param rank whose group it is
   */
  Downfall(long generation, int rank) {
    this.generation = generation;
    this.rank = rank;
  }

  /** Asks for an abort; the first reason counts. */
  void abort(String why) {
    abortRequest.compareAndSet(null, why);
  }

  /** Why somebody wants the group aborted. */
  Optional<String> abortWanted() {
    return Optional.ofNullable(abortRequest.get());
  }

  /** Takes that a peer gave up; the first to do so knows best why. */
  void hear(int from, long cause, long suspect, String text) {
    if (heard.isEmpty()) {
      heard =
          Optional.of(
              new CollectiveException(
                  Cause.values()[Math.floorMod(cause, Cause.values().length)],
                  (int) suspect,
                  "rank " + from + " gave the group up: " + text));
    }
  }

  /** Takes that what a peer says makes no sense, which counts above what was heard before. */
  void hearNonsense(CollectiveException why) {
    heard = Optional.of(why);
  }

  /** What was heard of a peer's end, which nobody has acted upon yet. */
  Optional<CollectiveException> heard() {
    return heard;
  }

  /** Ends the group, unless it has ended before; says whether that was now. */
  boolean fail(CollectiveException why) {
    return failure.compareAndSet(null, why);
  }

  /** Why the group has ended. */
  Optional<CollectiveException> failure() {
    return Optional.ofNullable(failure.get());
  }

  /**
   * @throws CollectiveException when the group has failed or was aborted
   */
  void requireUsable() {
    CollectiveException first = failure.get();
    String aborted = abortRequest.get();
    if (first != null) {
      // Who was late or not heard has not failed by itself, which UNUSABLE with its own number
      // says.
      boolean accused =
          first.suspectRank() == rank
              && (first.reason() == Cause.DEADLINE || first.reason() == Cause.PEER_LOST);
      throw new CollectiveException(
          accused ? first.reason() : Cause.UNUSABLE,
          first.suspectRank(),
          "the process group of generation "
              + generation
              + " cannot be used any more since: "
              + first.getMessage());
    }
    if (aborted != null) {
      throw new CollectiveException(
          Cause.UNUSABLE,
          -1,
          "the process group of generation " + generation + " was aborted: " + aborted);
    }
  }

  /** What an error that was thrown means for the group. */
  CollectiveException ofError(Throwable e, int rank) {
    if (e instanceof CollectiveException known) {
      return known;
    }
    CollectiveException wrapped =
        new CollectiveException(
            Cause.UNUSABLE,
            rank,
            "generation "
                + generation
                + ": rank "
                + rank
                + ": "
                + (e instanceof Error ? e.toString() : e.getMessage()));
    wrapped.initCause(e);
    return wrapped;
  }
}
