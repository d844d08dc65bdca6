package dev.trireme.coordinator.life;

import dev.trireme.api.job.WorkerCount;
import dev.trireme.coordinator.CoordinatorException;
import dev.trireme.protocol.Stored.JobRecord;
import java.util.Optional;

/** How many ranks a job is to have, and what there is to do about it. Owned by a {@link JobRun}. */
final class Size {
  private int wanted;
  private int allowed = Integer.MAX_VALUE;
  private int spares;
  private boolean changing;

  Size(int wanted) {
    this.wanted = wanted;
  }

  int wanted() {
    return Math.min(wanted, allowed);
  }

  /** So many ranks it may have at most, whatever somebody wants. */
  void allow(int ranks) {
    allowed = ranks;
  }

  /**
   * @throws CoordinatorException when the job cannot have so many
   */
  void want(JobRecord job, int workers) {
    WorkerCount allowed = job.job().parallel().workers();
    if (workers < allowed.min() || workers > allowed.max()) {
      throw new CoordinatorException(
          job.jobId() + " can have " + allowed + " workers (parallel.workers), found " + workers);
    }
    wanted = workers + job.job().parallel().servers();
  }

  /** So many idle processes are ready to become ranks. */
  void spares(int count) {
    spares = count;
  }

  int spares() {
    return spares;
  }

  /** Whether the ranks have been asked to stop, to be formed anew. */
  boolean isChanging() {
    return changing;
  }

  /** There is a new formation, which has taken the spares it wanted. */
  void formed() {
    changing = false;
    spares = 0;
  }

  /**
   * Does what brings a job that runs to the number that is wanted: to grow, processes are made
   * ready first; then the ranks stop together, after one more step.
   *
   * @return why, for people, when they have been asked to stop
   */
  Optional<String> seek(int now, FormationCommands commands) {
    int missing = wanted() - now;
    if (changing || missing == 0) {
      return Optional.empty();
    }
    if (missing > 0 && spares < missing) {
      commands.prepareRanks(missing);
      return Optional.empty();
    }
    changing = true;
    commands.stopAfterStep("the formation changes");
    return Optional.of("to have " + wanted() + " ranks instead of " + now);
  }
}
