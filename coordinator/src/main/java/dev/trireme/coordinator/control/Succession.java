package dev.trireme.coordinator.control;

import dev.trireme.coordinator.CoordinatorException;
import dev.trireme.coordinator.NotActiveException;
import dev.trireme.coordinator.life.JobRun;
import dev.trireme.coordinator.store.JobStore;
import dev.trireme.protocol.Stored.GenerationRecord;
import dev.trireme.protocol.Stored.JobRecord;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Takes over the jobs of the coordinator before, one by one: what is wrong with one does not keep
 * the others from going on. Owned by a {@link JobControl} while it begins.
 */
final class Succession {
  private static final Logger LOG = LoggerFactory.getLogger(Succession.class);

  private final String name;
  private final long term;
  private final JobStore store;
  private final LiveJobs jobs;

  /**
   * @param name of the coordinator that takes over, in {@code term}
   * @param jobs that it begins with
   */
  Succession(String name, long term, JobStore store, LiveJobs jobs) {
    this.name = name;
    this.term = term;
    this.store = store;
    this.jobs = jobs;
  }

  /** The highest number that a job has; 0 where there is none. */
  static long lastJob(List<JobRecord> records) {
    return records.stream().mapToLong(r -> JobIds.number(r.jobId())).max().orElse(0);
  }

  /** The highest generation that a job has had; 0 where there was none. */
  static long lastGeneration(List<JobRecord> records) {
    return records.stream()
        .flatMap(r -> r.generations().stream())
        .mapToLong(GenerationRecord::generation)
        .max()
        .orElse(0);
  }

  /**
   * Takes over.
   *
   * @param records oldest first
   * @throws NotActiveException when another coordinator has taken over meanwhile
   */
  void takeOver(List<JobRecord> records) {
    for (JobRecord record : records) {
      try {
        takeOver(record);
      } catch (NotActiveException e) {
        throw e;
      } catch (RuntimeException e) {
        LOG.error("{} is left out: it cannot be taken over, nor told of", record.jobId(), e);
      }
    }
  }

  private void takeOver(JobRecord record) {
    if (record.state().isFinal()) {
      jobs.addEnded(record);
      return;
    }
    Job job;
    try {
      job = jobs.open(record);
    } catch (CoordinatorException e) {
      LOG.error("{} cannot go on: {}", record.jobId(), e.getMessage());
      // Not kept: it may be this coordinator alone that does not reach the job's files.
      jobs.addEnded(givenUp(record, e.getMessage(), "tries again, as the next coordinator does"));
      return;
    } catch (RuntimeException e) {
      LOG.error("taking over {}", record.jobId(), e);
      giveUp(record, e);
      return;
    }
    String reason = "coordinator %s has taken over in term %d".formatted(name, term);
    jobs.guarded(job, () -> job.takeOver(reason));
  }

  /** One that a fault of ours keeps from going on: the next coordinator would meet it, too. */
  private void giveUp(JobRecord record, RuntimeException fault) {
    JobRecord failed =
        givenUp(record, "this is a bug, please report it with the log: " + fault, "tries again");
    try {
      store.put(failed);
    } catch (NotActiveException e) {
      throw e;
    } catch (CoordinatorException e) {
      LOG.error("a restart would not know that {} has failed: {}", record.jobId(), e.getMessage());
    }
    jobs.addEnded(failed);
  }

  private JobRecord givenUp(JobRecord record, String why, String whatResumeDoes) {
    return JobRun.givenUp(
        record,
        term,
        "cannot be taken over: %s; 'trireme job resume %s' %s"
            .formatted(why, record.jobId(), whatResumeDoes));
  }
}
