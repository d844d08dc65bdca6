package dev.trireme.coordinator.life;

import dev.trireme.protocol.RankReport.CheckpointFinished;
import java.util.Optional;

/**
 * Counts the saves of a job that failed, and says when there were too many in a row. Every rank
 * whose part fails reports it; one step is one save, however many ranks report. Owned by a {@link
 * JobRun}.
 */
final class FailedSaves {
  private final int maxInARow;
  private long total;
  private int inARow;
  private long lastFailedStep = -1;

  FailedSaves(int maxInARow) {
    this.maxInARow = maxInARow;
  }

  /** How many there were so far. */
  long total() {
    return total;
  }

  /**
   * Takes note of how a save ended on a rank.
   *
   * @return why the job has to fail, when it has to
   */
  Optional<String> note(CheckpointFinished save) {
    if (save.failure().isEmpty()) {
      inARow = 0;
      return Optional.empty();
    }
    if (save.step() == lastFailedStep) {
      return Optional.empty();
    }
    lastFailedStep = save.step();
    total++;
    inARow++;
    if (inARow < maxInARow) {
      return Optional.empty();
    }
    return Optional.of(
        inARow
            + " saves in a row have failed, which is checkpoint.maxFailures; the last, of step "
            + save.step()
            + ": "
            + save.failure());
  }
}
