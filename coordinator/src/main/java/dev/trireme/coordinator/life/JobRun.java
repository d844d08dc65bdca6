package dev.trireme.coordinator.life;

import dev.trireme.api.job.ParallelSpec;
import dev.trireme.coordinator.CoordinatorConfig.Timing;
import dev.trireme.coordinator.CoordinatorException;
import dev.trireme.coordinator.JobEvent;
import dev.trireme.coordinator.Verdict;
import dev.trireme.coordinator.life.Blame.Blamed;
import dev.trireme.coordinator.life.Deadlines.Wait;
import dev.trireme.coordinator.life.Evidence.Overdue;
import dev.trireme.coordinator.schedule.Reformation;
import dev.trireme.coordinator.schedule.Scheduler.AgentSlots;
import dev.trireme.coordinator.schedule.SchedulingDecision.Form;
import dev.trireme.protocol.AgentToCoordinator.FromRank;
import dev.trireme.protocol.AgentToCoordinator.RankExit;
import dev.trireme.protocol.Backing;
import dev.trireme.protocol.JobState;
import dev.trireme.protocol.RankReport;
import dev.trireme.protocol.StateSource;
import dev.trireme.protocol.Stored.JobRecord;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiFunction;

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
 * <p>Longer than files here are, because a state machine in two places is read in neither.
 *
 * <p>Threading: one thread.
 */
public final class JobRun {
  /** Beyond what a rank itself allows for its last save. */
  private static final Duration SAVE_GRACE = Duration.ofMinutes(5).plusSeconds(30);

  private final Timing timing;
  private final Time time;
  private final JobEffects effects;
  private final Deadlines deadlines;
  private final Figures figures = new Figures();
  private final FailedSaves failedSaves;
  private final List<Evidence> evidence = new ArrayList<>();
  private final Recovery recovery;
  private JobRecord record;
  private Formation formation;
  private FormationCommands commands;
  private CheckpointLedger shards;
  private Rendezvous rendezvous;
  private Optional<Backing> backing = Optional.empty();
  private Optional<String> backendRefusal = Optional.empty();
  private final Size size;
  private Optional<String> cancelled = Optional.empty();
  private Optional<Outcome> outcome = Optional.empty();
  private Optional<String> preempted = Optional.empty();

  /**
   * @param record as it was stored last, by this coordinator or one before it
   */
  public JobRun(JobRecord record, Timing timing, Time time, JobEffects effects) {
    this.record = record;
    this.timing = timing;
    this.time = time;
    this.effects = effects;
    this.deadlines = new Deadlines(time);
    this.recovery = new Recovery(time, record);
    this.size = new Size(record.job().parallel().ranks().max());
    this.failedSaves = new FailedSaves(record.job().checkpoint().maxFailures());
  }

  /** The job as it is stored. */
  public JobRecord record() {
    return record;
  }

  /** Where the job is in its life. */
  public JobState state() {
    return record.state();
  }

  /** How long until {@link #onTime} is to be called; empty when nothing is waited for. */
  public Optional<Duration> nextDeadline() {
    return deadlines.next();
  }

  /** The number of an agent's slots that this job's ranks occupy. */
  public int slotsHeldOn(String agentId) {
    return formation == null ? 0 : formation.slotsHeldOn(agentId);
  }

  /** The job is stored for the first time. */
  public void accept() {
    move(JobState.QUEUED, record.reason());
  }

  /** It still waits, for this reason; told only when the reason is another. */
  public void waitBecause(String reason) {
    if (!reason.equals(record.reason())) {
      record = Records.moved(record, record.state(), reason);
      publishState();
    }
  }

  /** Its ranks ended with the coordinator before this one, or it had ended: it runs again. */
  public void restart(String reason) {
    move(JobState.QUEUED, reason);
  }

  /** Whether its next formation is to be decided now. */
  public boolean wantsFormation() {
    return record.state() == JobState.RECOVERING
        && preempted.isEmpty()
        && recovery.isAborted()
        && recovery.backoffNanos() <= 0;
  }

  /**
   * What its next formation depends on.
   *
   * @param agents with the slots that no rank of any job occupies
   */
  public Reformation.Situation situation(List<AgentSlots> agents) {
    return new Reformation.Situation(
        record.jobId(),
        record.job().parallel().ranks(),
        size.wanted(),
        formation.survivors(),
        agents,
        Restarts.excluded(record.job().failurePolicy(), recovery.history(), time.nanos()),
        Records.everReady(record),
        size.spares() == 0
            ? Map.of()
            : Map.of(formation.placements().get(0).agentId(), size.spares()));
  }

  /** What its formation is backed by; empty before the first. */
  public Optional<Backing> backing() {
    return backing;
  }

  /** Why a backend could not be started for it. */
  public Optional<String> backendRefusal() {
    return backendRefusal;
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
    backing = Optional.of(backs);
    StateSource source =
        decision.source().equals(StateSource.JOB) && Records.everReady(record)
            ? StateSource.CHECKPOINT
            : decision.source();
    evidence.clear();
    deadlines.endAll();
    size.formed();
    recovery.ordered(source);
    formation = new Formation(generation, decision.placements(), hosts);
    shards = new CheckpointLedger(formation.worldSize() - record.job().parallel().servers());
    rendezvous = new Rendezvous(formation.worldSize());
    commands = new FormationCommands(effects, record, formation);
    record = Records.formed(record, generation, formation.worldSize());
    move(JobState.STARTING, decision.reason());
    deadlines.begin(Wait.START, timing.start());
    commands.startRanks(frames, decision.survivors(), source, backs);
  }

  /** A rank's process has been started. */
  public void onStarted(long generation, int number, long pid) {
    Formation.Rank rank = current(generation, number);
    if (rank != null && rank.pid() < 0) {
      rank.startedAs(pid);
      if (formation.all(r -> r.pid() >= 0)) {
        recovery.formed();
        publish(
            (id, now) ->
                new JobEvent.Formed(
                    id, now, generation, formation.processes(), backing.orElse(Backing.HOST)));
      }
    }
  }

  /** A rank has said something. */
  public void onReport(FromRank message) {
    RankReport report = message.report();
    Formation.Rank rank = current(message.generation(), message.rank());
    if (rank == null) {
      refuseStale(message);
    } else if (report instanceof RankReport.Ready ready) {
      onReady(message.rank(), rank, ready);
    } else if (report instanceof RankReport.ShardWritten shard) {
      if (shards.written(message.rank(), shard.step())) {
        commands.grantCheckpoint(shard.step(), whyNoCheckpoint());
      }
    } else if (report instanceof RankReport.BucketsTuned buckets) {
      onBucketsTuned(message.generation(), buckets);
    } else if (report instanceof RankReport.Contact contact) {
      onContact(message.rank(), contact);
    } else if (report instanceof RankReport.BackendRefused refused) {
      onBackendRefused(message.rank(), refused.why());
    } else if (report instanceof RankReport.Finished finished) {
      onFinished(rank, finished);
    } else if (report instanceof RankReport.Parked parked) {
      rank.parked(parked);
      onEvidence(
          new Evidence.Complaint(
              message.rank(),
              new RankReport.Failed(
                  parked.appliedStep() + 1, parked.verdict(), parked.suspectRank(), false)));
    } else if (report instanceof RankReport.Failed failed) {
      onEvidence(new Evidence.Complaint(message.rank(), failed));
    } else if (report instanceof RankReport.CheckpointFinished save) {
      onSaved(message, save);
    } else if (report instanceof RankReport.Samples samples) {
      publish((id, now) -> new JobEvent.SamplesTrained(id, now, samples));
    } else if (message.rank() == 0 || report instanceof RankReport.Committed) {
      figures.note(report, record, message.generation(), time.now()).ifPresent(effects::publish);
      onCommitted(message.generation());
    }
  }

  private void onContact(int rank, RankReport.Contact contact) {
    if (record.state() == JobState.STARTING) {
      if (rendezvous.isEmpty()) {
        deadlines.begin(Wait.CONTACTS, collectiveDeadline());
      }
      rendezvous
          .said(rank, contact.contact())
          .ifPresent(
              all -> {
                deadlines.end(Wait.CONTACTS);
                commands.dealContacts(all);
              });
    }
  }

  /** All ranks say the same; kept before any of them can have a checkpoint granted. */
  private void onBucketsTuned(long generation, RankReport.BucketsTuned buckets) {
    if (record.job().parallel().tunesBuckets()) {
      record = Records.tuned(record, buckets);
      store();
      publish((id, now) -> new JobEvent.BucketsTuned(id, now, generation, buckets));
    }
  }

  private Duration collectiveDeadline() {
    return Duration.ofMillis((long) (record.job().parallel().timeoutSeconds() * 1000));
  }

  /** All ranks are to be formed anew with another backend, or the job ends if it wants this one. */
  private void onBackendRefused(int rank, String why) {
    if (outcome.isPresent() || record.state() == JobState.RECOVERING) {
      return;
    }
    String sentence =
        backing.map(b -> b.backend().name()).orElse("the backend")
            + " cannot start on rank "
            + rank
            + ": "
            + why;
    if (cancelled.isPresent()
        || record.job().parallel().backend() != ParallelSpec.BackendKind.AUTO
        || backendRefusal.isPresent()) {
      settle(cancelled.map(Outcome::cancelled).orElseGet(() -> Outcome.failed(sentence, false)));
      commands.abort(sentence);
      endRanks(timing.endGrace(), sentence);
      return;
    }
    backendRefusal = Optional.of(sentence);
    recovery.planned();
    leave(sentence, sentence + "; goes on over Aeron");
    gatherIfOut();
  }

  private void onCommitted(long generation) {
    if (figures.committedIn(generation)) {
      recovery
          .stepped(record, generation, formation.worldSize(), figures.plan(), figures.step())
          .ifPresent(effects::publish);
    }
  }

  private String whyNoCheckpoint() {
    return record.state() == JobState.RECOVERING && preempted.isEmpty()
        ? "generation " + formation.generation() + " is over"
        : outcome.map(o -> "the job is ending: " + o.reason()).orElse("");
  }

  /** A failed save is everybody's: rank 0 must not wait for a shard that never comes. */
  private void onSaved(FromRank message, RankReport.CheckpointFinished save) {
    Optional<String> tooMany = failedSaves.note(save);
    figures.failedSaves(failedSaves.total());
    figures.note(save, record, message.generation(), time.now()).ifPresent(effects::publish);
    if (!save.failure().isEmpty() && message.rank() != 0) {
      commands.grantCheckpoint(
          save.step(), "rank " + message.rank() + " failed: " + save.failure());
    }
    if (tooMany.isPresent() && outcome.isEmpty()) {
      settle(Outcome.failed(tooMany.get(), false));
      commands.abort(tooMany.get());
      endRanks(timing.endGrace(), tooMany.get());
    }
  }

  private void refuseStale(FromRank message) {
    if (formation != null
        && message.rank() == 0
        && message.report() instanceof RankReport.ShardWritten shard) {
      commands.refuseCheckpoint(
          message.agentId(), shard.step(), "generation " + message.generation() + " is over");
    }
  }

  private void onReady(int number, Formation.Rank rank, RankReport.Ready ready) {
    rank.ready(ready);
    // Servers, behind the workers, know neither the data nor the plan.
    boolean works = number < formation.worldSize() - record.job().parallel().servers();
    if (works && Records.newest(record).filter(g -> g.firstStep().isEmpty()).isPresent()) {
      record = Records.startingAt(record, ready.progress().step() + 1);
      store();
      figures.ready(ready);
    }
    long generation = formation.generation();
    if (works) {
      publish((id, now) -> new JobEvent.RankReady(id, now, generation, number, ready));
    }
    if (record.state() == JobState.STARTING && formation.all(r -> r.ready().isPresent())) {
      deadlines.end(Wait.START);
      recovery.restored();
      move(JobState.RUNNING, "all ranks are ready");
      seekSize();
    }
  }

  /** Idle processes are ready on its agent. */
  public void onSpares(String agentId, int count) {
    if (formation != null && formation.placements().get(0).agentId().equals(agentId)) {
      size.spares(count);
      seekSize();
    }
  }

  /**
   * Somebody wants another number of ranks; it changes at the next step boundary at which it can.
   *
   * @throws CoordinatorException when the job cannot have so many
   */
  public void scale(int workers) {
    size.want(record, workers);
    seekSize();
  }

  /** How many slots it holds on the agent where its ranks are; empty while it holds none. */
  public Optional<Holding> holding() {
    if (formation == null) {
      return Optional.empty();
    }
    String agentId = formation.placements().get(0).agentId();
    int held = formation.slotsHeldOn(agentId);
    boolean ending = outcome.isPresent() || cancelled.isPresent() || preempted.isPresent();
    boolean settled = !ending && record.state() == JobState.RUNNING && !size.isChanging();
    int target = ending ? 0 : size.isChanging() ? Math.min(held, size.wanted()) : held;
    return held == 0 ? Optional.empty() : Optional.of(new Holding(agentId, held, target, settled));
  }

  /**
   * What a job has of an agent.
   *
   * @param target slots it will have when what it was asked for is done
   * @param settled whether it trains, and so can be asked for something
   */
  public record Holding(String agentId, int held, int target, boolean settled) {}

  /** It may have so many ranks at most, whatever was wanted; changes at the next step boundary. */
  public void allow(int ranks) {
    size.allow(ranks);
    seekSize();
  }

  /** It is to save its state, end its ranks and wait again. Does nothing unless it trains. */
  public void preempt(String reason) {
    if (record.state() != JobState.RUNNING || outcome.isPresent() || size.isChanging()) {
      return;
    }
    preempted = Optional.of(reason);
    commands.checkpointAfterStep();
    commands.stopAfterStep(reason);
    deadlines.begin(Wait.CANCEL, SAVE_GRACE);
    move(JobState.RECOVERING, reason + ": saves its state");
  }

  /** It cannot stop in order: what it has saved before has to do. */
  private void endPreempted() {
    String reason = preempted.orElseThrow();
    outcome = Optional.of(Outcome.cancelled(reason));
    commands.abort(reason);
    endRanks(timing.endGrace(), reason);
  }

  /** Its ranks are gone, or nothing more can be done about them: it waits for slots again. */
  private void waitAgain() {
    String reason = preempted.orElseThrow();
    preempted = Optional.empty();
    outcome = Optional.empty();
    cancelled = Optional.empty();
    formation = null;
    evidence.clear();
    deadlines.endAll();
    move(JobState.QUEUED, reason);
  }

  private void seekSize() {
    if (record.state() == JobState.RUNNING) {
      size.seek(formation.worldSize(), commands)
          .ifPresent(
              why -> publish((id, now) -> new JobEvent.StateChanged(id, now, record.state(), why)));
    }
  }

  private void onFinished(Formation.Rank rank, RankReport.Finished finished) {
    rank.finished(finished);
    if (outcome.isPresent()) {
      return;
    }
    if (record.state() == JobState.RECOVERING && preempted.isEmpty()) {
      gatherIfOut();
      return;
    }
    if (!formation.all(r -> r.finished().isPresent())) {
      deadlines.begin(Wait.FINISH, timing.finish());
      return;
    }
    List<RankReport.Finished> all = formation.allFinished();
    deadlines.end(Wait.FINISH);
    Agreement.Ruling ruling = Agreement.rule(all);
    if (ruling instanceof Agreement.Differ differ) {
      int odd = differ.odd().get(0);
      Blamed blamed = new Blamed(odd, new Overdue(odd, differ.reason()), differ.reason());
      failForGood(verdict(blamed), "");
    } else if (size.isChanging() && cancelled.isEmpty() && all.get(0).stopped()) {
      recovery.planned();
      move(JobState.RECOVERING, "all ranks have stopped, to form anew");
      gatherIfOut();
    } else {
      if (preempted.isPresent() && all.get(0).stopped()) {
        outcome = Optional.of(Outcome.cancelled(preempted.get()));
      } else {
        figures.finished(all.get(0));
        settle(Outcome.finished(all.get(0), cancelled));
      }
      commands.release();
      deadlines.begin(Wait.EXIT, timing.exit());
      endIfAllGone();
    }
  }

  /** A rank's process is gone. */
  public void onExited(long generation, int number, RankExit exit) {
    Formation.Rank rank = current(generation, number);
    if (rank != null && !rank.isGone()) {
      boolean early = rank.finished().isEmpty() || outcome.isEmpty();
      rank.gone();
      if (early) {
        onEvidence(new Evidence.Exit(number, exit));
      }
      endIfAllGone();
    }
  }

  /** An agent has left the cluster or was cut off. */
  public void onAgentLost(String agentId, String host) {
    if (slotsHeldOn(agentId) > 0) {
      formation.loseAgent(agentId);
      onEvidence(new Evidence.HostLost(agentId, host));
      endIfAllGone();
    }
  }

  /** Somebody wants the job to end; a second time, at once. */
  public void cancel(String reason) {
    cancel(reason, false);
  }

  /**
   * As {@link #cancel(String)}.
   *
   * @param checkpoint whether it is to save its state before it ends, which gives it more time
   */
  public void cancel(String reason, boolean checkpoint) {
    if (record.state() == JobState.QUEUED) {
      outcome = Optional.of(Outcome.cancelled(reason));
      end("");
    } else if (record.state() == JobState.RECOVERING) {
      // Also one that was to wait again.
      settle(Outcome.cancelled(reason));
      endRanks(timing.endGrace(), reason);
    } else if (outcome.isEmpty() && cancelled.isEmpty()) {
      // Ranks that still load have no step to stop after.
      boolean running = record.state() == JobState.RUNNING;
      Duration grace = running ? timing.cancelGrace() : Duration.ZERO;
      if (running && checkpoint) {
        grace = SAVE_GRACE;
        commands.checkpointAfterStep();
      }
      cancelled = Optional.of(reason);
      move(JobState.STOPPING, reason);
      commands.stopAfterStep(reason);
      deadlines.begin(Wait.CANCEL, grace);
    } else if (!record.state().isFinal()) {
      outcome = outcome.or(() -> Optional.of(Outcome.cancelled(reason)));
      endRanks(Duration.ZERO, reason);
    }
  }

  /** Gives up a job that ran under a coordinator before this one. */
  public void abandon(String reason) {
    outcome = Optional.of(Outcome.failed(reason, false));
    end("");
  }

  /** Gives up a job that asks for what its hosts do not have. */
  public void refuse(String reason) {
    if (formation == null) {
      outcome = Optional.of(Outcome.failed(reason, true));
      end("");
    } else if (outcome.isEmpty()) {
      settle(Outcome.failed(reason, false));
      endRanks(timing.endGrace(), reason);
    }
  }

  /** Fails a job in whose handling this coordinator itself went wrong. */
  public void onInternalError(RuntimeException error) {
    String reason = "the coordinator failed while it handled this job: " + error;
    if (formation == null) {
      abandon(reason);
    } else if (outcome.isEmpty()) {
      settle(Outcome.failed(reason, false));
      endRanks(timing.endGrace(), reason);
    }
  }

  /** Acts on the waits that are over. */
  public void onTime() {
    Optional<Wait> over = deadlines.takeOver();
    while (over.isPresent()) {
      onOver(over.get());
      over = deadlines.takeOver();
    }
  }

  private void onOver(Wait wait) {
    switch (wait) {
      case CONTACTS -> overdue(rendezvous.silent(), "heard of", collectiveDeadline());
      case START -> overdue(formation.which(r -> r.ready().isEmpty()), "ready", timing.start());
      case PARK -> {
        for (int rank : formation.which(r -> !r.isGone() && !r.isOut())) {
          onEvidence(new Overdue(rank, "it did not leave its collectives in time"));
        }
      }
      case BACKOFF -> {
        // It is asked whether it wants a formation.
      }
      case FINISH ->
          overdue(formation.which(r -> r.finished().isEmpty()), "finished", timing.finish());
      case EVIDENCE -> judge(true);
      case CANCEL -> {
        if (preempted.isPresent()) {
          endPreempted();
          return;
        }
        settle(Outcome.cancelled(cancelled.orElseThrow()));
        endRanks(timing.endGrace(), cancelled.get());
      }
      case EXIT -> endRanks(Duration.ZERO, "has not ended by itself");
      case KILL -> end("; these ranks may still be there: " + formation.which(r -> !r.isGone()));
    }
  }

  private void overdue(List<Integer> ranks, String what, Duration limit) {
    String cause = "ranks " + ranks + " were not " + what + " within " + limit.toSeconds() + " s";
    onEvidence(new Overdue(ranks.get(0), cause));
  }

  private void onEvidence(Evidence sign) {
    if (outcome.isPresent()) {
      return;
    }
    if (preempted.isPresent()) {
      endPreempted();
    } else if (record.state() == JobState.RECOVERING) {
      onFurtherSign(sign);
    } else {
      recovery.sign();
      evidence.add(sign);
      judge(false);
    }
  }

  private void judge(boolean waited) {
    Blame.Ruling ruling = Blame.rule(evidence, formation.worldSize(), waited);
    if (ruling instanceof Blamed blamed) {
      fail(blamed);
    } else {
      deadlines.begin(Wait.EVIDENCE, timing.evidence());
    }
  }

  private Verdict verdict(Blamed blamed) {
    Verdict verdict = formation.verdict(blamed, figures.step());
    publish((id, now) -> new JobEvent.Failure(id, now, verdict));
    return verdict;
  }

  private void fail(Blamed blamed) {
    Verdict verdict = verdict(blamed);
    if (cancelled.isPresent() || verdict.usage()) {
      failForGood(verdict, "");
      return;
    }
    boolean fruitless = !figures.committedIn(formation.generation());
    Restarts.Ruling ruling = recovery.broken(record, Set.of(verdict.host()), fruitless);
    record = Records.failed(record, recovery.failures());
    if (ruling instanceof Restarts.Exhausted exhausted) {
      boolean forbidden = record.job().failurePolicy().maxRestarts() == 0;
      failForGood(verdict, forbidden ? "" : "; " + exhausted.reason());
    } else {
      recover(blamed, verdict, ruling.reason());
    }
  }

  private void failForGood(Verdict verdict, String more) {
    // Who trips over a wrong spec first is chance: not the rank's name but the fault is of use.
    String sentence = (verdict.usage() ? verdict.cause() : verdict.sentence()) + more;
    settle(
        cancelled
            .map(why -> Outcome.cancelled(why + " (while it stopped: " + sentence + ")"))
            .orElseGet(() -> Outcome.failed(sentence, verdict.usage())));
    // The survivors sit in a collective with the dead: out of it first.
    commands.abort(sentence);
    endRanks(timing.endGrace(), sentence);
  }

  /** Lets the survivors leave; the next formation is decided once they have. */
  private void recover(Blamed blamed, Verdict verdict, String when) {
    leave(verdict.sentence(), verdict.sentence() + "; goes on " + when);
    formation
        .rank(blamed.rank())
        .filter(rank -> !rank.isOut() || blamed.by() instanceof Evidence.Exit)
        .ifPresent(rank -> lose(blamed.rank(), rank, verdict.sentence()));
    gatherIfOut();
  }

  private void leave(String abortedBecause, String reason) {
    evidence.clear();
    deadlines.endAll();
    commands.abort(abortedBecause);
    move(JobState.RECOVERING, reason);
    deadlines.begin(Wait.PARK, timing.evidence().plus(collectiveDeadline()));
  }

  private void lose(int number, Formation.Rank rank, String reason) {
    boolean there = !rank.isGone();
    rank.gone();
    if (there) {
      commands.kill(number, reason);
    }
  }

  /** While survivors leave, others may die, too. */
  private void onFurtherSign(Evidence sign) {
    if (sign instanceof Evidence.Complaint complaint && !complaint.isConfession()) {
      gatherIfOut();
      return;
    }
    if (Blame.rule(List.of(sign), formation.worldSize(), true) instanceof Blamed blamed) {
      Verdict verdict = verdict(blamed);
      if (verdict.usage()) {
        failForGood(verdict, "");
        return;
      }
      formation
          .rank(blamed.rank())
          .ifPresent(rank -> lose(blamed.rank(), rank, verdict.sentence()));
    }
    gatherIfOut();
  }

  private void gatherIfOut() {
    if (formation.all(rank -> rank.isGone() || rank.isOut())) {
      recovery.aborted();
      deadlines.endAll();
      if (recovery.backoffNanos() > 0) {
        deadlines.begin(Wait.BACKOFF, Duration.ofNanos(recovery.backoffNanos()));
      }
    }
  }

  /** From here on it is known how the job ends. */
  private void settle(Outcome how) {
    preempted = Optional.empty();
    outcome = Optional.of(how);
    deadlines.endAll();
    move(JobState.STOPPING, how.reason());
  }

  /** Tells agents to end what is left of the formation, and sees to it that this has an end. */
  private void endRanks(Duration grace, String reason) {
    commands.endRanks(grace, reason);
    deadlines.endAll();
    deadlines.begin(Wait.KILL, grace.plus(timing.kill()));
    endIfAllGone();
  }

  private void endIfAllGone() {
    if (outcome.isPresent() && formation.all(Formation.Rank::isGone)) {
      end("");
    }
  }

  private void end(String afterthought) {
    if (preempted.isPresent()) {
      waitAgain();
    } else if (!record.state().isFinal()) {
      Outcome how = outcome.orElseThrow();
      deadlines.endAll();
      move(how.state(), how.reason() + afterthought);
      publish((id, now) -> new JobEvent.Ended(id, now, figures.result(record, how.usage(), now)));
    }
  }

  /** The rank, or null when the formation is another or there is no such rank. */
  private Formation.Rank current(long generation, int rank) {
    return formation == null || formation.generation() != generation
        ? null
        : formation.rank(rank).orElse(null);
  }

  private void move(JobState state, String reason) {
    record = Records.moved(record, state, reason);
    store();
    publishState();
  }

  private void store() {
    record = Records.inTerm(record, effects.term());
    effects.store(record);
  }

  private void publishState() {
    publish((id, now) -> new JobEvent.StateChanged(id, now, record.state(), record.reason()));
  }

  private void publish(BiFunction<String, Instant, JobEvent> maker) {
    effects.publish(maker.apply(record.jobId(), time.now()));
  }
}
