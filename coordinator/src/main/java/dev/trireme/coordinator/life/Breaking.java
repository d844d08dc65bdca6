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
  /** What a rank may take to give up a write that its storage holds up, before it can leave. */
  private static final Duration CLOSING = Duration.ofSeconds(12);

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

  /** Whether something is wrong with the formation, and it is not known yet who did it. */
  boolean isUndecided() {
    return !evidence.isEmpty();
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
    onEvidence(new Overdue(life.formation().likeliest(ranks), cause));
  }

  /** Survivors have not left in time. */
  void onParkOver() {
    for (int rank : life.formation().which(r -> !r.isGone() && !r.isOut() && !r.isCutOff())) {
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
    boolean hasRun = Records.everReady(life.record());
    Verdict verdict = life.formation().verdict(blamed, life.figures().step(), hasRun);
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
    // Silence alone is too little to count against a host, unless it lasts.
    Set<String> hosts = blamed.isBySilence() ? Set.of() : Set.of(verdict.host());
    Restarts.Ruling ruling = recovery.broken(life.record(), hosts, fruitless);
    life.change(Records.failed(life.record(), recovery.failures()));
    if (ruling instanceof Restarts.Exhausted exhausted) {
      boolean forbidden = life.record().job().failurePolicy().maxRestarts() == 0;
      ending.failForGood(verdict, forbidden ? "" : "; " + exhausted.reason());
    } else {
      recover(blamed, verdict, ruling.reason());
    }
  }

  /**
   * Lets the survivors leave; the next formation is decided once they have. Who is blamed for its
   * silence alone may leave with them, for it may only be late: if it hangs, it does not.
   */
  private void recover(Blamed blamed, Verdict verdict, String when) {
    leave(verdict.sentence(), verdict.sentence() + "; goes on " + when);
    life.formation()
        .rank(blamed.rank())
        .filter(rank -> !rank.isOut() || blamed.by() instanceof Evidence.Exit)
        .filter(rank -> !blamed.isBySilence())
        .ifPresent(rank -> lose(blamed.rank(), rank, verdict.sentence()));
    gatherIfOut();
  }

  /** All ranks are to leave this formation, for it is to be formed anew. */
  void leave(String abortedBecause, String reason) {
    evidence.clear();
    life.deadlines().endAllOfFormation();
    life.commands().abort(abortedBecause);
    life.move(JobState.RECOVERING, reason);
    awaitParking();
  }

  /** They have as long for it whoever tells them, and however often. */
  private void awaitParking() {
    Duration leaving = collectiveDeadline().compareTo(CLOSING) > 0 ? collectiveDeadline() : CLOSING;
    life.deadlines().begin(Wait.PARK, life.timing().evidence().plus(leaving));
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
          .filter(rank -> !rank.isOut() || sign instanceof Evidence.Exit)
          .ifPresent(
              rank -> {
                charge(rank, sign);
                lose(blamed.rank(), rank, verdict.sentence());
              });
    }
    gatherIfOut();
  }

  /**
   * Where a silence broke the formation, the first of which it is a fact that it does not leave is
   * who did it. Who was blamed may have left meanwhile: it was late only.
   */
  private void charge(Formation.Rank rank, Evidence sign) {
    boolean fact = sign instanceof Overdue || sign instanceof Evidence.Exit;
    if (fact && !rank.hasLeft() && recovery.charge(rank.host())) {
      life.change(Records.failed(life.record(), recovery.failures()));
      life.store();
    }
  }

  /**
   * Out of reach: what its ranks do is not known, and they are not replaced before {@code wait}.
   */
  void onCutOff(String agentId, String host, Duration wait) {
    life.formation().cutOff(agentId);
    onEvidence(new Evidence.HostLost(agentId, host));
    if (life.isFormed() && !life.formation().which(Formation.Rank::isCutOff).isEmpty()) {
      Wait what = life.isSettled() ? Wait.KILL : Wait.LEASE;
      life.deadlines().end(what);
      life.deadlines().begin(what, wait);
    }
  }

  /** An agent is in reach again before its lease was over: its ranks are told what they missed. */
  void onBack(String agentId) {
    life.formation().inReach(agentId);
    if (life.formation().which(Formation.Rank::isCutOff).isEmpty()) {
      life.deadlines().end(Wait.LEASE);
    }
    if (life.isSettled()) {
      ending.endRanks(life.timing().endGrace(), life.record().reason());
    } else if (life.is(JobState.RECOVERING)) {
      abortAgain();
      awaitParking();
    }
  }

  /** The leases of those out of reach are over, and with them their work. */
  void onLeaseOver() {
    life.formation().which(Formation.Rank::isCutOff).forEach(this::giveUp);
    if (life.is(JobState.RECOVERING)) {
      gatherIfOut();
    }
    ending.endIfAllGone();
  }

  private void giveUp(int rank) {
    life.formation().rank(rank).ifPresent(Formation.Rank::gone);
  }

  /**
   * Whether ranks out of reach cannot commit a step any more, whatever they do: every step of
   * all-reduce takes a collective of all ranks, and one that is known to be out or gone will not
   * take part. Servers and workers of a parameter server may go on among themselves.
   */
  private boolean canStall() {
    return life.record().job().parallel().servers() == 0
        && !life.formation().which(Formation.Rank::isStill).isEmpty();
  }

  /** As {@link #leave} for a formation that another coordinator has called off. */
  void leaveAgain() {
    if (!recovery.isUnderWay()) {
      recovery.planned();
    }
    abortAgain();
    awaitParking();
    gatherIfOut();
  }

  /** Whoever was out of reach when the formation was called off is told now. */
  void abortAgain() {
    life.commands().abort(life.record().reason());
  }

  /** Once nobody is left in the old formation's collectives, the next one may be decided. */
  void gatherIfOut() {
    if (life.allRanks(rank -> rank.isGone() || rank.isOut() || rank.isCutOff() && canStall())) {
      // Who is out of reach is not waited for: what comes of it is of a generation that is over.
      life.formation().which(Formation.Rank::isCutOff).forEach(this::giveUp);
      recovery.aborted();
      life.deadlines().endAllOfFormation();
      if (recovery.backoffNanos() > 0) {
        life.deadlines().begin(Wait.BACKOFF, Duration.ofNanos(recovery.backoffNanos()));
      }
    }
  }
}
