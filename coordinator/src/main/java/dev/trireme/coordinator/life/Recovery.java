package dev.trireme.coordinator.life;

import dev.trireme.coordinator.JobEvent;
import dev.trireme.coordinator.life.Restarts.Broken;
import dev.trireme.coordinator.life.Restarts.Ruling;
import dev.trireme.protocol.RankReport.Ready;
import dev.trireme.protocol.StateSource;
import dev.trireme.protocol.Stored.FailureRecord;
import dev.trireme.protocol.Stored.JobRecord;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;

/**
 * A job's failures so far, and how far the recovery under way has come: from the sign that decided
 * who broke the formation until the first step of the next one is committed. Owned by a {@link
 * JobRun}.
 */
final class Recovery {
  /** Failures that are remembered; more than a policy allows within any window. */
  private static final int MAX_HISTORY = 1001;

  private final Time time;
  private final List<Broken> history = new ArrayList<>();
  private boolean underWay;
  private boolean byFailure;
  private long detectedAt;
  private double detected = Double.NaN;
  private Optional<Long> signAt = Optional.empty();
  private long notBefore;
  private Optional<Long> abortedAt = Optional.empty();
  private Optional<Long> formedAt = Optional.empty();
  private Optional<Long> restoredAt = Optional.empty();
  private StateSource source = StateSource.JOB;

  /**
   * @param job whose failures under a coordinator before this one count on
   */
  Recovery(Time time, JobRecord job) {
    this.time = time;
    long now = time.now().toEpochMilli();
    for (FailureRecord f : job.failures()) {
      // A clock that was set back must not make a failure one of the future.
      long ago = TimeUnit.MILLISECONDS.toNanos(Math.max(0, now - f.millis()));
      history.add(new Broken(time.nanos() - ago, Set.copyOf(f.hosts()), f.fruitless()));
    }
  }

  List<Broken> history() {
    return List.copyOf(history);
  }

  /** The same as it is stored. */
  List<FailureRecord> failures() {
    long now = time.now().toEpochMilli();
    return history.stream()
        .map(
            b ->
                new FailureRecord(
                    now - TimeUnit.NANOSECONDS.toMillis(time.nanos() - b.nanos()),
                    b.hosts().stream().sorted().toList(),
                    b.fruitless()))
        .toList();
  }

  /** Something is wrong with the formation; who did it may not be known yet. */
  void sign() {
    signAt = signAt.or(() -> Optional.of(time.nanos()));
  }

  /**
   * A formation has broken.
   *
   * @param fruitless whether it had committed nothing
   * @return whether the job may go on
   */
  Ruling broken(JobRecord job, Set<String> hosts, boolean fruitless) {
    history.add(new Broken(time.nanos(), hosts, fruitless));
    if (history.size() > MAX_HISTORY) {
      history.remove(0);
    }
    Ruling ruling = Restarts.rule(job.job().failurePolicy(), history);
    begin(ruling instanceof Restarts.Allowed allowed ? allowed.notBefore() : time.nanos(), true);
    return ruling;
  }

  /**
   * The failure that is recovered from counts against this host, if it counts against none so far.
   *
   * @return whether it does now
   */
  boolean charge(String host) {
    if (!byFailure || history.isEmpty()) {
      return false;
    }
    int last = history.size() - 1;
    Broken newest = history.get(last);
    if (!newest.hosts().isEmpty()) {
      return false;
    }
    history.set(last, new Broken(newest.nanos(), Set.of(host), newest.fruitless()));
    return true;
  }

  /** The formation is to change at a step boundary, with no failure. */
  void planned() {
    begin(time.nanos(), false);
  }

  private void begin(long earliest, boolean failure) {
    if (!underWay || !byFailure) {
      // A failure during a recovery prolongs that recovery.
      detectedAt = time.nanos();
      detected = failure ? signAt.map(at -> (detectedAt - at) / 1e9).orElse(0.0) : Double.NaN;
    }
    signAt = Optional.empty();
    underWay = true;
    byFailure = failure;
    notBefore = earliest;
    abortedAt = Optional.empty();
    formedAt = Optional.empty();
    restoredAt = Optional.empty();
  }

  /** All that live have left the old formation. */
  void aborted() {
    abortedAt = abortedAt.or(() -> Optional.of(time.nanos()));
  }

  /** Whether a formation has broken, or is to change, and the next has not come to a step. */
  boolean isUnderWay() {
    return underWay;
  }

  boolean isAborted() {
    return abortedAt.isPresent();
  }

  /** How much of the back-off is left, 0 or less when none is. */
  long backoffNanos() {
    return notBefore - time.nanos();
  }

  void ordered(StateSource from) {
    source = from;
  }

  /** Rank 0 has found no checkpoint: unless a rank had the state, all begins as the job does. */
  void restoredNothing() {
    if (source.kind() == StateSource.Kind.CHECKPOINT) {
      source = StateSource.JOB;
    }
  }

  /** All processes are there. */
  void formed() {
    formedAt = Optional.of(time.nanos());
  }

  /** All ranks have the state. */
  void restored() {
    restoredAt = Optional.of(time.nanos());
  }

  /** A step of the new formation is committed: it is over. An event, when there was a recovery. */
  Optional<JobEvent> stepped(
      JobRecord job, long generation, int worldSize, Optional<Ready> ready, long committed) {
    if (!underWay || restoredAt.isEmpty()) {
      return Optional.empty();
    }
    underWay = false;
    return Optional.of(
        new JobEvent.Recovered(
            job.jobId(),
            time.now(),
            generation,
            worldSize,
            byFailure,
            source,
            ready.map(r -> r.progress().step() + 1).orElse(committed),
            detected,
            seconds(abortedAt),
            seconds(formedAt),
            seconds(restoredAt),
            (time.nanos() - detectedAt) / 1e9));
  }

  private double seconds(Optional<Long> at) {
    return at.map(nanos -> (nanos - detectedAt) / 1e9).orElse(Double.NaN);
  }
}
