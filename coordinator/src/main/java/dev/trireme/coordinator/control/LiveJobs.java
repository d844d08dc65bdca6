package dev.trireme.coordinator.control;

import dev.trireme.coordinator.CoordinatorException;
import dev.trireme.coordinator.JobStatus;
import dev.trireme.coordinator.NotActiveException;
import dev.trireme.coordinator.life.Time;
import dev.trireme.protocol.Stored.JobRecord;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The jobs of a coordinator: those that have not ended, and what is known of those that have. */
final class LiveJobs implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(LiveJobs.class);

  private final Function<JobRecord, Job> opener;
  private final Consumer<String> forget;
  private final TreeMap<Long, Job> live = new TreeMap<>();
  private final EndedJobs ended = new EndedJobs();
  private final Alarms alarms;

  /**
   * @param time that jobs' waits are measured on
   * @param opener makes a job of its record
   * @param forget removes a job from the store for good; may fail with {@link CoordinatorException}
   */
  LiveJobs(Time time, Function<JobRecord, Job> opener, Consumer<String> forget) {
    this.alarms = new Alarms(time);
    this.opener = opener;
    this.forget = forget;
  }

  /** One that goes on from here. */
  Job open(JobRecord record) {
    Job job = opener.apply(record);
    live.put(JobIds.number(record.jobId()), job);
    return job;
  }

  /** One that runs again after it had ended. */
  Job reopen(JobRecord record) {
    Job job = open(record);
    ended.remove(record.jobId());
    return job;
  }

  /** It was never accepted. */
  void discard(Job job) {
    remove(job);
    job.close();
  }

  /** One that has ended before, or could not be taken over. */
  void addEnded(JobRecord record) {
    ended.add(record).ifPresent(this::forget);
  }

  /** How many have not ended. */
  int size() {
    return live.size();
  }

  /** Those that have not ended, oldest first. */
  Collection<Job> all() {
    return live.values();
  }

  /** The same, while jobs may end. */
  List<Job> snapshot() {
    return List.copyOf(live.values());
  }

  /** One that has not ended. */
  Optional<Job> find(String jobId) {
    return Optional.ofNullable(live.get(JobIds.number(jobId)));
  }

  /** How one that has ended stands. */
  Optional<JobStatus> endedStatus(String jobId) {
    return ended.status(jobId);
  }

  /** How one stands; empty where there is no such job. */
  Optional<JobStatus> status(String jobId) {
    return find(jobId).map(Job::status).or(() -> ended.status(jobId));
  }

  /** One that has not ended. */
  Job require(String jobId) {
    return find(jobId)
        .orElseThrow(
            () ->
                ended
                    .status(jobId)
                    .map(s -> new CoordinatorException(jobId + " has ended: " + s.state()))
                    .orElseGet(() -> unknown(jobId)));
  }

  /** The listeners of one that has not ended, or has not long ago. */
  JobHub hub(String jobId) {
    return find(jobId)
        .map(Job::hub)
        .or(() -> ended.hub(jobId))
        .orElseThrow(
            () ->
                ended
                    .status(jobId)
                    .map(
                        status ->
                            new CoordinatorException(
                                jobId
                                    + " ended a while ago; its events are in "
                                    + status.runDirectory()))
                    .orElseGet(() -> unknown(jobId)));
  }

  /** How all stand, oldest first. */
  List<JobStatus> statuses() {
    List<JobStatus> all = new ArrayList<>(ended.statuses());
    live.values().forEach(job -> all.add(job.status()));
    all.sort(Comparator.comparingLong(status -> JobIds.number(status.jobId())));
    return List.copyOf(all);
  }

  /** How long until some job's wait is over. */
  Optional<Duration> nextDeadline() {
    return alarms.next();
  }

  /** A job waits until another moment than before. */
  void waitsChanged(Job job) {
    alarms.set(JobIds.number(job.run().record().jobId()), job.run().nextDeadline());
  }

  /** Those of which a wait is over, oldest first. */
  List<Job> due() {
    return alarms.due().stream().sorted().map(live::get).filter(Objects::nonNull).toList();
  }

  private void remove(Job job) {
    long number = JobIds.number(job.run().record().jobId());
    live.remove(number);
    alarms.set(number, Optional.empty());
  }

  /** Does something to a job, and lets a fault of ours cost no other job its life. */
  void guarded(Job job, Runnable action) {
    try {
      action.run();
    } catch (NotActiveException e) {
      throw e;
    } catch (RuntimeException e) {
      LOG.error("handling {}", job.run().record().jobId(), e);
      try {
        job.run().onInternalError(e);
      } catch (NotActiveException notActive) {
        throw notActive;
      } catch (RuntimeException again) {
        LOG.error("giving up {}", job.run().record().jobId(), again);
      }
    }
    if (job.run().state().isFinal()) {
      remove(job);
      ended.add(job).ifPresent(this::forget);
    }
  }

  private void forget(String jobId) {
    try {
      forget.accept(jobId);
    } catch (NotActiveException e) {
      throw e;
    } catch (CoordinatorException e) {
      LOG.warn("{} is kept longer than it should be: {}", jobId, e.getMessage());
    }
  }

  static CoordinatorException unknown(String jobId) {
    return new CoordinatorException(
        "there is no job '" + jobId + "'; 'trireme job list' shows those there are");
  }

  /** Lets go of files and listeners; what runs goes on running. */
  @Override
  public void close() {
    live.values().forEach(Job::close);
  }
}
