package dev.trireme.coordinator.life;

import dev.trireme.api.checkpoint.Checkpointer;
import dev.trireme.coordinator.JobEvent;
import dev.trireme.coordinator.life.Blame.Blamed;
import dev.trireme.coordinator.life.Deadlines.Wait;
import dev.trireme.coordinator.life.Evidence.Overdue;
import dev.trireme.protocol.AgentToCoordinator.FromRank;
import dev.trireme.protocol.JobState;
import dev.trireme.protocol.RankReport;
import java.time.Duration;
import java.util.List;

/**
 * What the ranks of a job say, and what follows from it: each report goes to the part of the job's
 * life that it belongs to; once all have finished, {@link Conclusion} says what becomes of the job.
 * Owned by a {@link JobRun}.
 */
final class RankReports {
  private final LifeState life;
  private final Forming forming;
  private final Breaking breaking;
  private final Ending ending;
  private final Saves saves;
  private final Recovery recovery;
  private final Reattachment reattachment;
  private final Size size;
  private boolean stoppedByLease;
  private Duration finishWait = Duration.ZERO;

  RankReports(
      LifeState life,
      Forming forming,
      Breaking breaking,
      Ending ending,
      Saves saves,
      Recovery recovery,
      Reattachment reattachment,
      Size size) {
    this.life = life;
    this.forming = forming;
    this.breaking = breaking;
    this.ending = ending;
    this.saves = saves;
    this.recovery = recovery;
    this.reattachment = reattachment;
    this.size = size;
  }

  /** There is a new formation, of so many ranks. */
  void formed(int worldSize) {
    stoppedByLease = false;
    saves.formed(worldSize);
  }

  /** An agent's lease has run out: the ranks of this formation stop together. */
  void onLeaseOver() {
    stoppedByLease = true;
  }

  /**
   * A rank has said something, of this formation or of one that is over.
   *
   * @return whether the job trains from now on
   */
  boolean onReport(FromRank message) {
    return life.current(message.generation(), message.rank())
        .map(rank -> onReport(message, rank))
        .orElseGet(
            () -> {
              onSaidBefore(message);
              return false;
            });
  }

  private boolean onReport(FromRank message, Formation.Rank rank) {
    RankReport report = message.report();
    if (report instanceof RankReport.Ready ready) {
      return forming.onReady(message.rank(), rank, ready);
    } else if (report instanceof RankReport.Contact contact) {
      forming.onContact(message.rank(), contact);
    } else if (report instanceof RankReport.BackendRefused refused) {
      forming.onBackendRefused(message.rank(), refused.why());
    } else if (report instanceof RankReport.BucketsTuned buckets) {
      onBucketsTuned(message.generation(), buckets);
    } else if (report instanceof RankReport.ShardWritten shard) {
      saves.written(message.rank(), shard);
    } else if (report instanceof RankReport.CheckpointFinished save) {
      onCheckpointFinished(message, save);
    } else if (report instanceof RankReport.Parked parked) {
      onParked(message.rank(), rank, parked);
    } else if (report instanceof RankReport.Failed failed) {
      breaking.onEvidence(new Evidence.Complaint(message.rank(), failed));
    } else if (report instanceof RankReport.Finished finished) {
      onFinished(rank, finished);
    } else {
      onFigures(message, report);
    }
    return false;
  }

  private void onSaidBefore(FromRank message) {
    saves.refuseStale(message);
    if (life.isFormed()) {
      life.formation().saidBefore(message);
    }
  }

  /** All ranks say the same; kept before any of them can have a checkpoint granted. */
  private void onBucketsTuned(long generation, RankReport.BucketsTuned buckets) {
    if (life.record().job().parallel().tunesBuckets()) {
      life.change(Records.tuned(life.record(), buckets));
      life.store();
      life.publish((id, now) -> new JobEvent.BucketsTuned(id, now, generation, buckets));
    }
  }

  private void onCheckpointFinished(FromRank message, RankReport.CheckpointFinished save) {
    saves
        .ended(message, save)
        .filter(why -> !life.isSettled())
        .ifPresent(why -> ending.breakOff(Outcome.failed(why, false), why));
    if (life.deadlines().isOn(Wait.FINISH)) {
      awaitTheLast();
    }
  }

  private void onParked(int number, Formation.Rank rank, RankReport.Parked parked) {
    rank.parked(parked);
    RankReport.Failed complaint =
        new RankReport.Failed(
            parked.appliedStep() + 1, parked.verdict(), parked.suspectRank(), false);
    breaking.onEvidence(new Evidence.Complaint(number, complaint, true));
  }

  private void onFigures(FromRank message, RankReport report) {
    if (report instanceof RankReport.Samples samples) {
      life.publish((id, now) -> new JobEvent.SamplesTrained(id, now, samples));
    } else if (message.rank() == 0 || report instanceof RankReport.Committed) {
      life.figures()
          .note(report, life.record(), message.generation(), life.time().now())
          .ifPresent(life::publish);
      onCommitted(message.generation());
    }
  }

  private void onCommitted(long generation) {
    Figures figures = life.figures();
    if (figures.committedIn(generation)) {
      recovery
          .stepped(
              life.record(),
              generation,
              life.formation().worldSize(),
              figures.plan(),
              figures.step())
          .ifPresent(life::publish);
    }
  }

  /**
   * What holds up the ranks that have not finished is mostly the last checkpoint, which those with
   * a small part have long written: it may take what any may. Where none is on its way, they hang.
   */
  private void awaitTheLast() {
    boolean saving = saves.isBeingWritten(reattachment.happened());
    Duration finish = life.timing().finish();
    finishWait = saving ? finish.plus(Checkpointer.SAVE_LIMIT) : finish;
    life.deadlines().end(Wait.FINISH);
    life.deadlines().begin(Wait.FINISH, finishWait);
  }

  /** How long the last rank has had to finish since it was last known what it may be doing. */
  Duration finishWait() {
    return finishWait;
  }

  private void onFinished(Formation.Rank rank, RankReport.Finished finished) {
    rank.finished(finished);
    if (life.isSettled()) {
      noteFiguresAgain();
    } else if (life.is(JobState.RECOVERING) && life.preempted().isEmpty()) {
      breaking.gatherIfOut();
    } else if (!life.allRanks(r -> r.finished().isPresent())) {
      if (!life.deadlines().isOn(Wait.FINISH)) {
        awaitTheLast();
      }
    } else {
      life.deadlines().end(Wait.FINISH);
      conclude(life.formation().allFinished());
    }
  }

  /** The coordinator that settled how it ends has not come to write its result. */
  private void noteFiguresAgain() {
    if (reattachment.happened() && life.allRanks(r -> r.finished().isPresent())) {
      life.figures().finished(life.formation().allFinished().get(0));
    }
  }

  private void conclude(List<RankReport.Finished> all) {
    Conclusion conclusion = Conclusion.of(all, asked());
    if (conclusion instanceof Conclusion.Differ differ) {
      Overdue evidence = new Overdue(differ.odd(), differ.reason());
      ending.failForGood(breaking.verdict(new Blamed(differ.odd(), evidence, differ.reason())), "");
    } else if (conclusion instanceof Conclusion.FormAnew anew) {
      recovery.planned();
      size.servers().ifPresent(count -> life.change(Records.served(life.record(), count)));
      life.move(JobState.RECOVERING, anew.reason());
      breaking.gatherIfOut();
    } else if (conclusion instanceof Conclusion.WaitAgain) {
      ending.releasePreempted();
    } else {
      life.figures().finished(all.get(0));
      ending.finish(Outcome.finished(all.get(0), life.cancelled()));
    }
  }

  private Conclusion.Asked asked() {
    return new Conclusion.Asked(
        size.isChanging(),
        stoppedByLease,
        reattachment.happened(),
        life.preempted().isPresent(),
        life.cancelled().isPresent());
  }
}
