package dev.trireme.coordinator.life;

import dev.trireme.api.checkpoint.Checkpointer;
import dev.trireme.coordinator.JobEvent;
import dev.trireme.coordinator.Verdict;
import dev.trireme.coordinator.life.Deadlines.Wait;
import dev.trireme.protocol.JobState;
import java.time.Duration;
import java.util.Optional;

/**
 * How a job stops: by its end, by a failure for good, because somebody cancels it, or for a while
 * because its slots are needed elsewhere. Once its outcome is settled only the ends of its
 * processes are waited for. Owned by a {@link JobRun}.
 */
final class Ending {
  /** Beyond what a rank itself allows for its last save. */
  private static final Duration SAVE_GRACE = Checkpointer.SAVE_LIMIT.plusSeconds(30);

  private final LifeState life;

  Ending(LifeState life) {
    this.life = life;
  }

  /**
   * Somebody wants the job to end; a second time, at once.
   *
   * @param checkpoint whether it is to save its state before it ends, which gives it more time
   */
  void cancel(String reason, boolean checkpoint) {
    if (life.is(JobState.QUEUED)) {
      life.outcome(Optional.of(Outcome.cancelled(reason)));
      end("");
    } else if (life.is(JobState.RECOVERING)) {
      // Also one that was to wait again.
      settle(Outcome.cancelled(reason));
      endRanks(life.timing().endGrace(), reason);
    } else if (!life.isSettled() && life.cancelled().isEmpty()) {
      stop(reason, checkpoint);
    } else if (!life.state().isFinal()) {
      life.outcome(life.outcome().or(() -> Optional.of(Outcome.cancelled(reason))));
      endRanks(Duration.ZERO, reason);
    }
  }

  private void stop(String reason, boolean checkpoint) {
    // Ranks that still load have no step to stop after.
    boolean running = life.is(JobState.RUNNING);
    Duration grace = running ? life.timing().cancelGrace() : Duration.ZERO;
    if (running && checkpoint) {
      grace = SAVE_GRACE;
      life.commands().checkpointAfterStep();
    }
    life.cancelled(Optional.of(reason));
    life.move(JobState.STOPPING, reason);
    life.commands().stopAfterStep(reason);
    life.deadlines().begin(Wait.CANCEL, grace);
  }

  /** Its slots are needed: it saves its state, ends its ranks and waits again. It trains. */
  void preempt(String reason) {
    life.preempted(Optional.of(reason));
    life.commands().checkpointAfterStep();
    life.commands().stopAfterStep(reason);
    life.deadlines().begin(Wait.CANCEL, SAVE_GRACE);
    life.move(JobState.RECOVERING, reason + ": saves its state");
  }

  /** As {@link #preempt}, of one whose formation has broken: it has nothing to save it with. */
  void preemptBroken(String reason) {
    life.preempted(Optional.of(reason));
    life.move(JobState.RECOVERING, reason);
    endPreempted();
  }

  /** It cannot stop in order: what it has saved before has to do. */
  void endPreempted() {
    String reason = life.preempted().orElseThrow();
    life.outcome(Optional.of(Outcome.cancelled(reason)));
    life.commands().abort(reason);
    endRanks(life.timing().endGrace(), reason);
  }

  /** Its ranks are gone, or nothing more can be done about them: it waits for slots again. */
  private void waitAgain() {
    String reason = life.preempted().orElseThrow();
    life.preempted(Optional.empty());
    life.outcome(Optional.empty());
    life.cancelled(Optional.empty());
    life.disbanded();
    life.deadlines().endAll();
    life.move(JobState.QUEUED, reason);
  }

  /** It did not stop within its grace. */
  void onCancelOver() {
    if (life.preempted().isPresent()) {
      endPreempted();
      return;
    }
    settle(Outcome.cancelled(life.cancelled().orElseThrow()));
    endRanks(life.timing().endGrace(), life.cancelled().get());
  }

  /** Fails, or ends as what it was to become: its ranks are ended without an abort. */
  void give(Outcome how) {
    if (!life.isFormed()) {
      life.outcome(Optional.of(how));
      end("");
    } else if (!life.isSettled()) {
      settle(how);
      endRanks(life.timing().endGrace(), how.reason());
    }
  }

  /** As {@link #give}, with the ranks called out of their collectives first. */
  void breakOff(Outcome how, String sentence) {
    settle(how);
    // The survivors may sit in a collective with the dead: out of it first.
    life.commands().abort(sentence);
    endRanks(life.timing().endGrace(), sentence);
  }

  /** A failure that nothing is done about. */
  void failForGood(Verdict verdict, String more) {
    // Who trips over a wrong spec first is chance: not the rank's name but the fault is of use.
    String sentence = (verdict.usage() ? verdict.cause() : verdict.sentence()) + more;
    breakOff(
        life.cancelled()
            .map(why -> Outcome.cancelled(why + " (while it stopped: " + sentence + ")"))
            .orElseGet(() -> Outcome.failed(sentence, verdict.usage())),
        sentence);
  }

  /** All ranks have finished. */
  void finish(Outcome how) {
    settle(how);
    release();
  }

  /** All ranks have stopped, for their slots are needed. */
  void releasePreempted() {
    life.outcome(Optional.of(Outcome.cancelled(life.preempted().orElseThrow())));
    release();
  }

  private void release() {
    life.commands().release();
    life.deadlines().begin(Wait.EXIT, life.timing().exit());
    endIfAllGone();
  }

  /** From here on it is known how the job ends. */
  private void settle(Outcome how) {
    life.preempted(Optional.empty());
    life.outcome(Optional.of(how));
    life.change(Records.ending(life.record(), how.state()));
    life.deadlines().endAll();
    life.move(JobState.STOPPING, how.reason());
  }

  /** Tells agents to end what is left of the formation, and sees to it that this has an end. */
  void endRanks(Duration grace, String reason) {
    life.commands().endRanks(grace, reason);
    life.deadlines().endAll();
    life.deadlines().begin(Wait.KILL, grace.plus(life.timing().kill()));
    endIfAllGone();
  }

  void endIfAllGone() {
    if (life.isSettled() && life.allRanks(Formation.Rank::isGone)) {
      end("");
    }
  }

  /** Ranks that were killed did not go. */
  void onKillOver() {
    end("; these ranks may still be there: " + life.formation().which(r -> !r.isGone()));
  }

  private void end(String afterthought) {
    if (life.preempted().isPresent()) {
      waitAgain();
    } else if (!life.state().isFinal()) {
      Outcome how = life.outcome().orElseThrow();
      life.deadlines().endAll();
      life.change(Records.disbanded(life.record()));
      life.move(how.state(), how.reason() + afterthought);
      life.publish(
          (id, now) ->
              new JobEvent.Ended(id, now, life.figures().result(life.record(), how.usage(), now)));
    }
  }
}
