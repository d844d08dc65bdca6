package dev.trireme.coordinator.life;

import dev.trireme.coordinator.CoordinatorConfig.Timing;
import dev.trireme.coordinator.JobEvent;
import dev.trireme.protocol.JobState;
import dev.trireme.protocol.Stored.JobRecord;
import java.time.Instant;
import java.util.Optional;
import java.util.function.BiFunction;
import java.util.function.Predicate;

/**
 * What the parts of a job's life share: its record, its formation, what it waits for, and how it
 * will end. It decides nothing; whoever changes the record here makes it durable with {@link
 * #store} or {@link #move}. Owned by a {@link JobRun}.
 */
final class LifeState {
  private final Timing timing;
  private final Time time;
  private final JobEffects effects;
  private final Deadlines deadlines;
  private final Figures figures = new Figures();
  private JobRecord record;
  private Optional<Formation> formation = Optional.empty();
  private Optional<FormationCommands> commands = Optional.empty();
  private Optional<String> cancelled = Optional.empty();
  private Optional<Outcome> outcome = Optional.empty();
  private Optional<String> preempted = Optional.empty();

  LifeState(JobRecord record, Timing timing, Time time, JobEffects effects) {
    this.record = record;
    this.timing = timing;
    this.time = time;
    this.effects = effects;
    this.deadlines = new Deadlines(time, effects::waitsChanged);
  }

  Timing timing() {
    return timing;
  }

  Time time() {
    return time;
  }

  Deadlines deadlines() {
    return deadlines;
  }

  Figures figures() {
    return figures;
  }

  JobRecord record() {
    return record;
  }

  JobState state() {
    return record.state();
  }

  boolean is(JobState state) {
    return record.state() == state;
  }

  /** Another version of the record; not durable by this alone. */
  void change(JobRecord version) {
    record = version;
  }

  /** Whether it has a formation, whose ranks may be there or gone. */
  boolean isFormed() {
    return formation.isPresent();
  }

  /** The formation; there must be one. */
  Formation formation() {
    return formation.orElseThrow();
  }

  /** What its ranks are told; there must be a formation. */
  FormationCommands commands() {
    return commands.orElseThrow();
  }

  /** There is a new formation; the record does not know it yet. */
  void formed(Formation next) {
    formation = Optional.of(next);
    commands = Optional.of(new FormationCommands(effects, record, next));
  }

  /** Its ranks are gone or given up. */
  void disbanded() {
    record = Records.disbanded(record);
    formation = Optional.empty();
    commands = Optional.empty();
  }

  /** Whether there is a formation of which this holds for every rank. */
  boolean allRanks(Predicate<Formation.Rank> condition) {
    return formation().all(condition);
  }

  /** The rank; empty when the formation is another or there is no such rank. */
  Optional<Formation.Rank> current(long generation, int rank) {
    return formation.filter(f -> f.generation() == generation).flatMap(f -> f.rank(rank));
  }

  /** As {@link #current}, or one whose process waits where an older formation left it. */
  Optional<Formation.Rank> ofProcess(long generation, int rank, long pid) {
    return current(generation, rank)
        .or(() -> formation.filter(f -> generation < f.generation()).flatMap(f -> f.stayed(pid)));
  }

  /** Why it was cancelled, if it was. */
  Optional<String> cancelled() {
    return cancelled;
  }

  void cancelled(Optional<String> reason) {
    cancelled = reason;
  }

  /** How it will end, once that is settled. */
  Optional<Outcome> outcome() {
    return outcome;
  }

  void outcome(Optional<Outcome> how) {
    outcome = how;
  }

  boolean isSettled() {
    return outcome.isPresent();
  }

  /** Why it has to give its slots back and wait again, if it has. */
  Optional<String> preempted() {
    return preempted;
  }

  void preempted(Optional<String> reason) {
    preempted = reason;
  }

  /** It is in another state, or in the same for another reason, which is made durable. */
  void move(JobState state, String reason) {
    record = Records.moved(record, state, reason);
    store();
    publishState();
  }

  /**
   * As {@link #move} with another version of the record, or not at all.
   *
   * @throws dev.trireme.coordinator.CoordinatorException when it cannot be made durable
   */
  void moveSurely(JobRecord version, JobState state, String reason) {
    JobRecord next = Records.inTerm(Records.moved(version, state, reason), effects.term());
    effects.storeSurely(next);
    record = next;
    publishState();
  }

  /**
   * As {@link #change}, and durable, or not at all.
   *
   * @throws dev.trireme.coordinator.CoordinatorException when it cannot be made durable
   */
  void changeSurely(JobRecord version) {
    JobRecord next = Records.inTerm(version, effects.term());
    effects.storeSurely(next);
    record = next;
  }

  void store() {
    record = Records.inTerm(record, effects.term());
    effects.store(record);
  }

  void publishState() {
    publish((id, now) -> new JobEvent.StateChanged(id, now, record.state(), record.reason()));
  }

  void publish(BiFunction<String, Instant, JobEvent> maker) {
    effects.publish(maker.apply(record.jobId(), time.now()));
  }

  void publish(JobEvent event) {
    effects.publish(event);
  }

  /** See {@link JobEffects#unrecorded}. */
  Optional<String> unrecorded() {
    return effects.unrecorded();
  }
}
