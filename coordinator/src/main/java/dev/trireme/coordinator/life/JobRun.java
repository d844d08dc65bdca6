package dev.trireme.coordinator.life;

import dev.trireme.api.job.JobSpec;
import dev.trireme.coordinator.CoordinatorConfig.Timing;
import dev.trireme.coordinator.CoordinatorException;
import dev.trireme.coordinator.JobEvent;
import dev.trireme.coordinator.NotActiveException;
import dev.trireme.coordinator.life.Deadlines.Wait;
import dev.trireme.coordinator.schedule.Reformation;
import dev.trireme.coordinator.schedule.Scheduler.AgentSlots;
import dev.trireme.coordinator.schedule.SchedulingDecision.Form;
import dev.trireme.coordinator.schedule.Share;
import dev.trireme.protocol.AgentToCoordinator.FromRank;
import dev.trireme.protocol.AgentToCoordinator.RankExit;
import dev.trireme.protocol.AgentToCoordinator.RankThere;
import dev.trireme.protocol.Backing;
import dev.trireme.protocol.JobState;
import dev.trireme.protocol.Stored.FormationRecord;
import dev.trireme.protocol.Stored.JobRecord;
import dev.trireme.protocol.Stored.Wish;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The life of one job.
 *
 * <pre>
 *   QUEUED -> STARTING -> RUNNING -> STOPPING -> SUCCEEDED | FAILED | CANCELLED
 *                ^           |
 *                +-RECOVERING+
 * </pre>
 *
 * <p>When a formation breaks, the culprit is named and killed, the others' collectives are aborted,
 * and once all that live have parked (or have missed the deadline for it) the job {@link
 * #wantsFormation}: whoever knows the agents then decides and calls {@link #form}. The same way a
 * formation changes on purpose, only that its ranks stop at a step boundary.
 *
 * <p>A job stops for one of three reasons: every rank has finished, its failure policy allows no
 * more restarts, or it was cancelled. Once its outcome is settled only the ends of its processes
 * are waited for, and what else arrives changes nothing. Each wait has a deadline; {@link #onTime}
 * is to be called when {@link #nextDeadline} has passed.
 *
 * <p>What ranks report is taken in by {@link RankReports}; how a formation comes to be is in {@link
 * Forming}, how it breaks in {@link Breaking}, how a job stops in {@link Ending}; what they share
 * is {@link LifeState}.
 *
 * <p>Threading: one thread.
 */
public final class JobRun {
  private final LifeState life;
  private final Ending ending;
  private final Breaking breaking;
  private final Forming forming;
  private final RankReports reports;
  private final Reattachment reattachment;
  private final Recovery recovery;
  private final Size size;
  private final Unfit unfit = new Unfit();

  /**
   * @param record as it was stored last, by this coordinator or one before it
   */
  public JobRun(JobRecord record, Timing timing, Time time, JobEffects effects) {
    this.life = new LifeState(record, timing, time, effects);
    this.recovery = new Recovery(time, record);
    this.ending = new Ending(life);
    this.breaking = new Breaking(life, recovery, ending);
    this.forming = new Forming(life, recovery, breaking, ending);
    this.reattachment = new Reattachment(life, breaking, ending);
    this.size = new Size(record);
    this.reports =
        new RankReports(
            life,
            forming,
            breaking,
            ending,
            new Saves(life, breaking),
            recovery,
            reattachment,
            size);
  }

  /** A job that failed because it could not be taken over, as it is to be stored. */
  public static JobRecord givenUp(JobRecord record, long term, String reason) {
    return Records.givenUp(record, term, reason);
  }

  /** The job as it is stored. */
  public JobRecord record() {
    return life.record();
  }

  /** Where the job is in its life. */
  public JobState state() {
    return life.state();
  }

  /** How long until {@link #onTime} is to be called; empty when nothing is waited for. */
  public Optional<Duration> nextDeadline() {
    return life.deadlines().next();
  }

  /** The number of an agent's slots that this job's ranks occupy. */
  public int slotsHeldOn(String agentId) {
    return life.isFormed() ? life.formation().slotsHeldOn(agentId) : 0;
  }

  /** The job is stored for the first time. */
  public void accept() {
    life.move(JobState.QUEUED, record().reason());
  }

  /** It still waits, for this reason; told only when the reason is another. */
  public void waitBecause(String reason) {
    if (!reason.equals(record().reason())) {
      life.change(Records.moved(record(), state(), reason));
      life.publishState();
    }
  }

  /** It still waits, for another that does: known to whoever asks, and no event. */
  public void waitsBehind(String reason) {
    if (!reason.equals(record().reason())) {
      life.change(Records.moved(record(), state(), reason));
    }
  }

  /**
   * Goes on under this coordinator with the ranks it had under the one before, which step
   * meanwhile. Where there were none, it waits for some.
   *
   * @param reason why, for people
   * @param step the newest that is known to be committed, 0 if none
   */
  public void takeOver(String reason, long step) {
    Optional<FormationRecord> order = record().formation();
    if (life.is(JobState.QUEUED)) {
      return;
    }
    life.figures().reached(step);
    if (order.isEmpty()) {
      life.move(JobState.QUEUED, reason);
      return;
    }
    forming.restore(order.get());
    reports.formed(life.formation().worldSize());
    if (life.is(JobState.STOPPING)) {
      Optional<JobState> ends = record().ending();
      life.outcome(ends.map(state -> new Outcome(state, record().reason(), false)));
      life.cancelled(ends.isPresent() ? Optional.empty() : Optional.of(record().reason()));
    }
    reattachment.begin(life.is(JobState.STOPPING) ? record().reason() : reason);
  }

  /**
   * An agent has told all that is true of its ranks; of this job's these are there.
   *
   * @return whether it may have use for what the agent has of older formations: its ranks were
   *     ordered again, since the order had not come, or survivors wait there
   */
  public boolean onInventory(String agentId, Set<Integer> there) {
    boolean ordered = reattachment.onInventory(agentId, there);
    seekSize();
    return ordered || life.isFormed() && life.formation().waitsOn(agentId);
  }

  /** Before {@link #onInventory}: the agent has no rank of its formation. */
  public void onNoneThere(String agentId) {
    reattachment.onNoneThere(agentId);
  }

  /** Which rank of its formation one on an agent is, or waits to become; empty when none. */
  public Optional<Integer> numberOf(String agentId, RankThere there) {
    return life.isFormed() ? life.formation().numberOf(agentId, there) : Optional.empty();
  }

  /** The generation of its formation; 0 while it has none. */
  public long generation() {
    return life.isFormed() ? life.formation().generation() : 0;
  }

  /** An agent's lease has run out, so that its ranks stop together and keep their state. */
  public void onLeaseOver(long generation) {
    if (generation() == generation) {
      reports.onLeaseOver();
    }
  }

  /** Its ranks ended with the coordinator before this one, or it had ended: it runs again. */
  public void restart(String reason) {
    life.move(JobState.QUEUED, reason);
  }

  /** Whether its next formation is to be decided now. */
  public boolean wantsFormation() {
    return life.is(JobState.RECOVERING)
        && !reattachment.isUnderWay()
        && life.preempted().isEmpty()
        && recovery.isAborted()
        && recovery.backoffNanos() <= 0;
  }

  /**
   * What its next formation depends on.
   *
   * @param agents with the slots that no rank of any job occupies
   */
  public Reformation.Situation situation(List<AgentSlots> agents) {
    Formation formation = life.formation();
    JobSpec job = record().job();
    return new Reformation.Situation(
        record().jobId(),
        job.parallel().ranks(),
        Math.min(size.wanted(), job.parallel().ranks().max()),
        formation.survivors(),
        unfit.without(agents),
        Restarts.excluded(job.failurePolicy(), recovery.history(), life.time().nanos()),
        Records.everReady(record()),
        size.spares(),
        size.shares());
  }

  /** Whose agent has this rank; empty when the job does not train, or has no such rank. */
  public Optional<String> agentOf(int rank) {
    return record().state() != JobState.RUNNING
        ? Optional.empty()
        : life.formation().rank(rank).filter(r -> !r.isGone()).map(Formation.Rank::agentId);
  }

  /** What its formation is backed by; empty before the first. */
  public Optional<Backing> backing() {
    return forming.backing();
  }

  /** Why a backend could not be started for it. */
  public Optional<String> backendRefusal() {
    return forming.backendRefusal();
  }

  /** On the CPU; see {@link #form(Form, Map, long, long, Backing)}. */
  public void form(Form decision, Map<String, String> hosts, long generation, long frames) {
    form(decision, hosts, generation, frames, Backing.HOST);
  }

  /**
   * Orders its ranks.
   *
   * @param hosts by agent
   * @param generation higher than any before it
   * @param frames the unguessable number that every frame between the ranks carries
   * @param backs what the ranks compute on and what carries their gradients
   */
  public void form(
      Form decision, Map<String, String> hosts, long generation, long frames, Backing backs) {
    try {
      forming.form(decision, hosts, generation, frames, backs);
    } catch (NotActiveException e) {
      throw e;
    } catch (CoordinatorException e) {
      waitBecause("its formation cannot be kept: " + e.getMessage());
      return;
    }
    size.formed();
    breaking.formed();
    reattachment.formed();
    reports.formed(life.formation().worldSize());
  }

  /** A rank's process has been started. */
  public void onStarted(long generation, int number, long pid) {
    life.current(generation, number)
        .ifPresentOrElse(
            rank -> forming.onStarted(generation, rank, pid),
            () -> forming.onStartedBefore(generation, number, pid));
  }

  /** A rank has said something. */
  public void onReport(FromRank message) {
    if (reports.onReport(message)) {
      seekSize();
    }
  }

  /** Idle processes are ready on its agent. */
  public void onSpares(String agentId, int count) {
    if (life.isFormed()) {
      size.spares(agentId, count);
      seekSize();
    }
  }

  /**
   * Somebody wants another number of ranks; it changes at the next step boundary at which it can.
   *
   * @throws CoordinatorException when the job cannot have so many, or it cannot be kept
   */
  public void scale(int workers) {
    take(size.ofWorkers(record(), workers));
  }

  /**
   * Somebody wants another number of servers. New ones start beside the first rank, as soon as
   * there are slots; then the formation changes at a step boundary.
   *
   * @throws CoordinatorException when the job cannot have so many, or it cannot be kept
   */
  public void scaleServers(int servers) {
    take(size.ofServers(record(), servers));
  }

  /** Kept before anybody is told that it is done: the next coordinator goes on with it. */
  private void take(Wish wish) {
    life.changeSurely(Records.wishing(record(), wish));
    size.take(wish);
    seekSize();
  }

  /** What it has of agents; empty while it has nothing and needs nothing to go on. */
  public Optional<Holding> holding() {
    if (!life.isFormed()) {
      return Optional.empty();
    }
    List<Share> shares = life.formation().shares();
    int ranks = Share.total(shares);
    boolean stops =
        life.isSettled() || life.cancelled().isPresent() || life.preempted().isPresent();
    boolean settled =
        !stops && life.is(JobState.RUNNING) && !size.isChanging() && !reattachment.isUnderWay();
    int target = stops ? 0 : size.isChanging() ? Math.min(ranks, size.wanted()) : ranks;
    boolean broken = !stops && life.is(JobState.RECOVERING);
    int lacking = broken ? Math.max(0, record().job().parallel().ranks().min() - ranks) : 0;
    return ranks == 0 && lacking == 0
        ? Optional.empty()
        : Optional.of(new Holding(shares, target, settled, lacking));
  }

  /**
   * What a job has of agents.
   *
   * @param shares the one with the lowest rank first
   * @param target ranks it will have when what it was asked for is done
   * @param settled whether it trains, and so can be asked for something
   * @param lacking ranks that it has lost and cannot go on without
   */
  public record Holding(List<Share> shares, int target, boolean settled, int lacking) {}

  /** It may have these slots at most, whatever was wanted; changes at the next step boundary. */
  public void allow(List<Share> shares) {
    size.allow(unfit.withoutShares(shares));
    seekSize();
  }

  /**
   * It is to save its state, end its ranks and wait again. One whose ranks have left a formation
   * that broke has nothing to save it with, and will go on from what it saved before. Does nothing
   * at other times.
   */
  public void preempt(String reason) {
    if (wantsFormation() && !life.isSettled()) {
      ending.preemptBroken(reason);
    } else if (life.is(JobState.RUNNING)
        && !life.isSettled()
        && !size.isChanging()
        && !reattachment.isUnderWay()) {
      ending.preempt(reason);
    }
  }

  private void seekSize() {
    if (life.is(JobState.RUNNING) && !reattachment.isUnderWay()) {
      size.seek(life.formation().shares(), life.commands())
          .ifPresent(
              why -> life.publish((id, now) -> new JobEvent.StateChanged(id, now, state(), why)));
    }
  }

  /** A rank's process is gone. */
  public void onExited(long generation, int number, RankExit exit) {
    life.ofProcess(generation, number, exit.pid())
        .filter(rank -> !rank.isGone())
        .ifPresent(
            rank -> {
              boolean early = rank.finished().isEmpty() || !life.isSettled();
              rank.ended();
              if (early) {
                breaking.onEvidence(new Evidence.Exit(rank.number(), exit));
              }
              ending.endIfAllGone();
            });
  }

  /** An agent has ended, and its ranks with it. */
  public void onAgentLost(String agentId, String host) {
    onAgentLost(new Evidence.HostLost(agentId, host));
  }

  private void onAgentLost(Evidence.HostLost lost) {
    String agentId = lost.agentId();
    size.loseAgent(agentId);
    unfit.forget(agentId);
    boolean held = slotsHeldOn(agentId) > 0;
    if (held && life.formation().isCutOff(agentId)) {
      life.formation().loseAgent(agentId);
      breaking.onLeaseOver();
    } else if (held) {
      life.formation().loseAgent(agentId);
      breaking.onEvidence(lost);
      ending.endIfAllGone();
    }
    reattachment.onAgentLost(agentId);
  }

  /**
   * An agent is out of reach. The ranks on other hosts are called out of their collectives; what
   * those there do is not known, and they may not be replaced for a while, unless they can come to
   * nothing without the others.
   *
   * @param wait until the agent's lease and a margin are over
   */
  public void onAgentCutOff(String agentId, String host, Duration wait) {
    if (slotsHeldOn(agentId) > 0) {
      breaking.onCutOff(agentId, host, wait);
    }
    reattachment.onAgentLost(agentId);
  }

  /**
   * An agent's host lacks what the job needs: it goes on elsewhere.
   *
   * @param generation of the order that the agent has refused
   * @param host its name
   */
  public void onHostRefused(String agentId, String host, long generation, String why) {
    unfit.add(agentId, "host " + host + " " + why);
    size.loseAgent(agentId);
    if (life.isFormed()
        && life.formation().generation() == generation
        && slotsHeldOn(agentId) > 0) {
      forming.onHostRefused(agentId, "host " + host + " " + why);
    }
  }

  /**
   * Why it cannot be formed on these agents, however long it waited; empty when it can, and while
   * others may only not have come to this coordinator yet.
   */
  public Optional<String> hopeless(List<AgentSlots> agents) {
    int staying = life.isFormed() ? unfit.staying(life.formation().survivors()) : 0;
    return unfit
        .tooFewLeft(agents, record().job().parallel().ranks().min() - staying)
        .filter(why -> !reattachment.awaitsOthers());
  }

  /** Gives up a job because of what its spec says, or of what its hosts lack of that. */
  public void refuseSpec(String reason) {
    ending.give(Outcome.failed(reason, true));
  }

  /** Somebody wants the job to end; a second time, at once. */
  public void cancel(String reason) {
    ending.cancel(reason, false);
  }

  /**
   * As {@link #cancel(String)}.
   *
   * @param checkpoint whether it is to save its state before it ends, which gives it more time
   */
  public void cancel(String reason, boolean checkpoint) {
    ending.cancel(reason, checkpoint);
  }

  /** Gives up a job that ran under a coordinator before this one. */
  public void abandon(String reason) {
    ending.give(Outcome.failed(reason, false));
  }

  /** Gives up a job that asks for what its hosts do not have. */
  public void refuse(String reason) {
    ending.give(Outcome.failed(reason, !life.isFormed()));
  }

  /** Fails a job in whose handling this coordinator itself went wrong. */
  public void onInternalError(RuntimeException error) {
    ending.give(
        Outcome.failed("the coordinator failed while it handled this job: " + error, false));
  }

  /** Acts on the waits that are over. */
  public void onTime() {
    Optional<Wait> over = life.deadlines().takeOver();
    while (over.isPresent()) {
      onOver(over.get());
      over = life.deadlines().takeOver();
    }
  }

  private void onOver(Wait wait) {
    Timing timing = life.timing();
    switch (wait) {
      case CONTACTS ->
          breaking.overdue(forming.silent(), "heard of", breaking.collectiveDeadline());
      case START ->
          breaking.overdue(
              life.formation().which(r -> r.ready().isEmpty()), "ready", timing.start());
      case REATTACH -> reattachment.awaited().forEach(this::onNotComeBack);
      case LEASE -> breaking.onLeaseOver();
      case PARK -> breaking.onParkOver();
      case BACKOFF, OTHERS -> {
        // It is asked whether it wants a formation.
      }
      case FINISH ->
          breaking.overdue(
              life.formation().which(r -> r.finished().isEmpty()),
              "finished",
              reports.finishWait());
      case EVIDENCE -> breaking.judge(true);
      case CANCEL -> ending.onCancelOver();
      case EXIT -> ending.endRanks(Duration.ZERO, "has not ended by itself");
      case KILL -> ending.onKillOver();
    }
  }

  /** An agent that was out of reach is back, with its ranks: those not given up yet may survive. */
  public void onAgentBack(String agentId) {
    if (life.isFormed() && life.formation().isCutOff(agentId)) {
      breaking.onBack(agentId);
    }
  }

  /** Its lease was over before this wait was. */
  private void onNotComeBack(String agentId) {
    onAgentLost(
        new Evidence.HostLost(
            agentId,
            life.formation().hostOf(agentId),
            "its agent did not come back once the coordinator before this one was gone"));
  }
}
