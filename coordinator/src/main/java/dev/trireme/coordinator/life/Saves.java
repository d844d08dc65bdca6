package dev.trireme.coordinator.life;

import dev.trireme.protocol.AgentToCoordinator.FromRank;
import dev.trireme.protocol.JobState;
import dev.trireme.protocol.RankReport;
import dev.trireme.protocol.RankReport.CheckpointFinished;
import java.util.Optional;

/**
 * The checkpoints of a job: rank 0 commits one with the grant that is given here once every rank's
 * shard is on disk, and only in the formation that there is. Owned by a {@link JobRun}.
 */
final class Saves {
  private final LifeState life;
  private final Breaking breaking;
  private final FailedSaves failed;
  private CheckpointLedger shards = new CheckpointLedger(0);
  private long begun = -1;
  private long ended = -1;

  Saves(LifeState life, Breaking breaking) {
    this.life = life;
    this.breaking = breaking;
    this.failed = new FailedSaves(life.record().job().checkpoint().maxFailures());
  }

  /** There is a new formation, of so many ranks. */
  void formed(int worldSize) {
    shards = new CheckpointLedger(worldSize - life.record().job().parallel().servers());
    begun = -1;
    ended = -1;
  }

  /**
   * Whether one is on its way: some rank's shard is on disk, and rank 0 has not said how it ended.
   *
   * @param unheard whether shards may have been written that this coordinator has not heard of
   */
  boolean isBeingWritten(boolean unheard) {
    boolean mayBe = unheard && ended < 0 && life.record().job().checkpoint().isPeriodic();
    return begun > ended || mayBe;
  }

  /** A shard is on disk. */
  void written(int rank, RankReport.ShardWritten shard) {
    begun = Math.max(begun, shard.step());
    if (shards.written(rank, shard.step())) {
      life.commands().grantCheckpoint(shard.step(), whyNot());
    }
  }

  private String whyNot() {
    if (isCalledOff()) {
      return "generation " + life.formation().generation() + " is over";
    }
    // Of a checkpoint that can be seen the record has to tell what is in it.
    return life.outcome()
        .map(o -> "the job is ending: " + o.reason())
        .or(life::unrecorded)
        .orElse("");
  }

  /** One whose slots are needed is in recovery, too, but saves its state. */
  private boolean isCalledOff() {
    return life.is(JobState.RECOVERING) && life.preempted().isEmpty();
  }

  /** Whether what fails now fails because its formation does: that tells nothing of the storage. */
  private boolean isCutShort() {
    return isCalledOff() || breaking.isUndecided() || life.isSettled();
  }

  /**
   * How a save ended on a rank. A failed one is everybody's: rank 0 must not wait for a shard that
   * never comes. One that its formation took with it does not count as failed.
   *
   * @return why the job has to fail, when it has to
   */
  Optional<String> ended(FromRank message, CheckpointFinished save) {
    ended = Math.max(ended, save.step());
    boolean counts = save.failure().isEmpty() || !isCutShort();
    Optional<String> tooMany = counts ? failed.note(save) : Optional.empty();
    life.figures().failedSaves(failed.total());
    life.figures()
        .note(save, life.record(), message.generation(), life.time().now())
        .ifPresent(life::publish);
    if (save.failure().isEmpty()) {
      // Who restores is to know that there is something.
      life.change(Records.saved(life.record(), message.generation(), save.step()));
      life.store();
    } else if (message.rank() != 0) {
      life.commands()
          .grantCheckpoint(save.step(), "rank " + message.rank() + " failed: " + save.failure());
    }
    return tooMany;
  }

  /** Rank 0 of a formation that is over is not to wait for a grant in vain. */
  void refuseStale(FromRank message) {
    if (life.isFormed()
        && message.rank() == 0
        && message.report() instanceof RankReport.ShardWritten shard) {
      life.commands()
          .refuseCheckpoint(
              message.agentId(), shard.step(), "generation " + message.generation() + " is over");
    }
  }
}
