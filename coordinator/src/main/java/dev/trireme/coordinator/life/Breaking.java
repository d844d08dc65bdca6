package dev.trireme.coordinator.life;

import dev.trireme.coordinator.JobEvent;
import dev.trireme.coordinator.Verdict;
import dev.trireme.coordinator.life.Blame.Blamed;
import dev.trireme.coordinator.life.Deadlines.Wait;
import dev.trireme.coordinator.life.Evidence.Overdue;
import dev.trireme.protocol.JobState;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * How a formation breaks: the signs are weighed until it is known who did it, the culprit is named
 * and killed, the others' collectives are aborted, and once all that live have left them the job
 * may be formed anew. A formation that changes on purpose goes the last part of that way. Owned by
 * a {@link JobRun}.
 */
final class Breaking {
  private final LifeState life;
  private final Recovery recovery;
  private final Ending ending;
  private final List<Evidence> evidence = new ArrayList<>();

  Breaking(LifeState life, Recovery recovery, Ending ending) {
    this.life = life;
    this.recovery = recovery;
    this.ending = ending;
  }

  /** There is a new formation, of which nothing bad is known. */
  void formed() {
    evidence.clear();
  }

  /** Something is wrong with the formation. */
  void onEvidence(Evidence sign) {
    if (life.isSettled()) {
      return;
    }
    if (life.preempted().isPresent()) {
      ending.endPreempted();
    } else if (life.is(JobState.RECOVERING)) {
      onFurtherSign(sign);
    } else {
      recovery.sign();
      evidence.add(sign);
      judge(false);
    }
  }

  /** Ranks have kept the others waiting for too long. */
  void overdue(List<Integer> ranks, String what, Duration limit) {
    String cause = "ranks " + ranks + " were not " + what + " within " + limit.toSeconds() + " s";
    onEvidence(new Overdue(ranks.get(0), cause));
  }

  /** Survivors have not left in time. */
  void onParkOver() {
    for (int rank : life.formation().which(r -> !r.isGone() && !r.isOut())) {
      onEvidence(new Overdue(rank, "it did not leave its collectives in time"));
    }
  }

  /**
   * Rules on what is known.
   *
   * @param waited whether no more evidence is to be waited for
   */
  void judge(boolean waited) {
    Blame.Ruling ruling = Blame.rule(evidence, life.formation().worldSize(), waited);
    if (ruling instanceof Blamed blamed) {
      fail(blamed);
    } else {
      life.deadlines().begin(Wait.EVIDENCE, life.timing().evidence());
    }
  }

  /** Names the culprit to everybody. */
  Verdict verdict(Blamed blamed) {
    Verdict verdict = life.formation().verdict(blamed, life.figures().step());
    life.publish((id, now) -> new JobEvent.Failure(id, now, verdict));
    return verdict;
  }

  private void fail(Blamed blamed) {
    Verdict verdict = verdict(blamed);
    if (life.cancelled().isPresent() || verdict.usage()) {
      ending.failForGood(verdict, "");
      return;
    }
    boolean fruitless = !life.figures().committedIn(life.formation().generation());
    Restarts.Ruling ruling = recovery.broken(life.record(), Set.of(verdict.host()), fruitless);
    life.change(Records.failed(life.record(), recovery.failures()));
    if (ruling instanceof Restarts.Exhausted exhausted) {
      boolean forbidden = life.record().job().failurePolicy().maxRestarts() == 0;
      ending.failForGood(verdict, forbidden ? "" : "; " + exhausted.reason());
    } else {
      recover(blamed, verdict, ruling.reason());
    }
  }

  /** Lets the survivors leave; the next formation is decided once they have. */
  private void recover(Blamed blamed, Verdict verdict, String when) {
    leave(verdict.sentence(), verdict.sentence() + "; goes on " + when);
    life.formation()
        .rank(blamed.rank())
        .filter(rank -> !rank.isOut() || blamed.by() instanceof Evidence.Exit)
        .ifPresent(rank -> lose(blamed.rank(), rank, verdict.sentence()));
    gatherIfOut();
  }

  /** All ranks are to leave this formation, for it is to be formed anew. */
  void leave(String abortedBecause, String reason) {
    evidence.clear();
    life.deadlines().endAll();
    life.commands().abort(abortedBecause);
    life.move(JobState.RECOVERING, reason);
    life.deadlines().begin(Wait.PARK, life.timing().evidence().plus(collectiveDeadline()));
  }

  /** How long a collective of this job may take. */
  Duration collectiveDeadline() {
    return Duration.ofMillis((long) (life.record().job().parallel().timeoutSeconds() * 1000));
  }

  private void lose(int number, Formation.Rank rank, String reason) {
    boolean there = !rank.isGone();
    rank.gone();
    if (there) {
      life.commands().kill(number, reason);
    }
  }

  /** While survivors leave, others may die, too. */
  private void onFurtherSign(Evidence sign) {
    if (sign instanceof Evidence.Complaint complaint && !complaint.isConfession()) {
      gatherIfOut();
      return;
    }
    if (Blame.rule(List.of(sign), life.formation().worldSize(), true) instanceof Blamed blamed) {
      Verdict verdict = verdict(blamed);
      if (verdict.usage()) {
        ending.failForGood(verdict, "");
        return;
      }
      life.formation()
          .rank(blamed.rank())
          .ifPresent(rank -> lose(blamed.rank(), rank, verdict.sentence()));
    }
    gatherIfOut();
  }

  /** Once nobody is left in the old formation's collectives, the next one may be decided. */
  void gatherIfOut() {
    if (life.allRanks(rank -> rank.isGone() || rank.isOut())) {
      recovery.aborted();
      life.deadlines().endAll();
      if (recovery.backoffNanos() > 0) {
        life.deadlines().begin(Wait.BACKOFF, Duration.ofNanos(recovery.backoffNanos()));
      }
    }
  }
}
