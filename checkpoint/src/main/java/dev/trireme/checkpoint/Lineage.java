package dev.trireme.checkpoint;

import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * Where each generation of a job began: what tells a state that the job went on from apart from one
 * that was done again. A pure value.
 *
 * <p>A generation that begins with step f goes on from the state after step f - 1. What an earlier
 * generation holds of step f or later is therefore off the line of descent.
 *
 * @param starts in order of generation
 */
public record Lineage(List<Start> starts) {
  /** Nothing is known: only the checkpoints themselves tell. */
  public static final Lineage UNKNOWN = new Lineage(List.of());

  /** Orders the starts; any order is taken. */
  public Lineage {
    starts = starts.stream().sorted(Comparator.comparingLong(Start::generation)).toList();
  }

  /**
   * The begin of a generation.
   *
   * @param generation at least 0
   * @param firstStep the first step that it computed, at least 1
   */
  public record Start(long generation, long firstStep) {
    public Start {
      if (generation < 0 || firstStep < 1) {
        throw new IllegalArgumentException(
            "expected a generation of 0 or more and a first step of 1 or more, found "
                + generation
                + " and "
                + firstStep);
      }
    }
  }

  /**
   * The first generation that did the step of this state again.
   *
   * @param generation that has the state
   * @param step after which it is
   * @return empty when the state is on the line of descent as far as this knows
   */
  public Optional<Start> supersededBy(long generation, long step) {
    return starts.stream()
        .filter(start -> start.generation() > generation && step >= start.firstStep())
        .findFirst();
  }
}
