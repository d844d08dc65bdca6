package dev.trireme.coordinator.control;

import dev.trireme.coordinator.CoordinatorConfig.Timing;
import dev.trireme.coordinator.CoordinatorException;
import dev.trireme.coordinator.JobEvent;
import dev.trireme.coordinator.JobStatus;
import dev.trireme.coordinator.NotActiveException;
import dev.trireme.coordinator.life.JobEffects;
import dev.trireme.coordinator.life.JobRun;
import dev.trireme.coordinator.life.Time;
import dev.trireme.coordinator.rundir.Origin;
import dev.trireme.coordinator.rundir.RunDirectory;
import dev.trireme.coordinator.schedule.Need;
import dev.trireme.coordinator.schedule.WaitingJob;
import dev.trireme.protocol.Backing;
import dev.trireme.protocol.CoordinatorToAgent;
import dev.trireme.protocol.JobState;
import dev.trireme.protocol.Stored.JobRecord;
import java.io.UncheckedIOException;
import java.util.Optional;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A job that has not ended, with its files and its listeners. */
final class Job implements JobEffects, AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Job.class);

  private final RunDirectory directory;
  private final LongSupplier term;
  private final Consumer<JobRecord> store;
  private final BiConsumer<String, CoordinatorToAgent> out;
  private final Consumer<Job> waits;
  private final JobHub hub;
  private final JobRun run;
  private Optional<WaitingJob> waiting = Optional.empty();
  private boolean filesBroken;
  private Optional<Origin> origin = Optional.empty();

  /**
   * @param waits told when the job waits until another moment than before
   */
  Job(
      JobRecord record,
      RunDirectory directory,
      Timing timing,
      Time time,
      LongSupplier term,
      Consumer<JobRecord> store,
      BiConsumer<String, CoordinatorToAgent> out,
      Consumer<Job> waits) {
    this.directory = directory;
    this.term = term;
    this.store = store;
    this.out = out;
    this.waits = waits;
    this.hub = new JobHub(record.jobId());
    this.run = new JobRun(record, timing, time, this);
  }

  JobRun run() {
    return run;
  }

  /** Goes on with it from where the coordinator before this one has noted that it was. */
  void takeOver(String reason) {
    run.takeOver(reason, directory.lastStep());
  }

  /** What each of its ranks takes. */
  Need need() {
    return Need.of(run.record().job(), run.backing().map(Backing::device));
  }

  /** Whether its ranks may be on several agents. */
  boolean spans() {
    return true;
  }

  /** As one that waits; the same object as long as nothing of it has changed. */
  WaitingJob waiting() {
    if (waiting.isEmpty() || !waiting.get().need().equals(need())) {
      JobRecord record = run.record();
      waiting =
          Optional.of(
              new WaitingJob(
                  record.jobId(),
                  record.job().parallel().ranks(),
                  need(),
                  record.job().queue().priority(),
                  record.user(),
                  record.job().queue().placing(),
                  spans(),
                  record.submittedMillis()));
    }
    return waiting.get();
  }

  /** How it stands. */
  JobStatus status() {
    return EndedJobs.statusOf(run.record(), hub.progress());
  }

  JobHub hub() {
    return hub;
  }

  @Override
  public long term() {
    return term.getAsLong();
  }

  @Override
  public void tell(String agentId, CoordinatorToAgent command) {
    out.accept(agentId, command);
  }

  /** A job that trains is not given up for a full disk here; one is not accepted either. */
  @Override
  public void store(JobRecord record) {
    try {
      store.accept(record);
    } catch (NotActiveException e) {
      throw e;
    } catch (CoordinatorException e) {
      if (record.state() == JobState.QUEUED) {
        throw e;
      }
      LOG.error("{} goes on, but a restart would not know it: {}", record.jobId(), e.getMessage());
    }
  }

  @Override
  public void storeSurely(JobRecord record) {
    store.accept(record);
  }

  /** Does something because of what an agent has said, of which the files keep which it was. */
  void because(Optional<Origin> said, Runnable action) {
    origin = said;
    try {
      action.run();
    } finally {
      origin = Optional.empty();
    }
  }

  @Override
  public void publish(JobEvent event) {
    try {
      directory.write(event, origin);
      origin = origin.map(Origin::next);
    } catch (UncheckedIOException e) {
      if (!filesBroken || event instanceof JobEvent.Ended) {
        LOG.error("{}: {}", event.jobId(), e.getMessage());
      }
      filesBroken = true;
    }
    hub.publish(event);
  }

  @Override
  public Optional<String> unrecorded() {
    return directory.unrecorded();
  }

  @Override
  public void waitsChanged() {
    waits.accept(this);
  }

  /** Lets go of files and listeners, who hear what was published to its end. */
  @Override
  public void close() {
    directory.close();
    hub.close();
  }
}
