package dev.trireme.coordinator.control;

import dev.trireme.coordinator.rundir.LostResult;
import dev.trireme.protocol.Stored.JobRecord;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes the results that the coordinator before this one did not come to write, each after the job
 * had ended in its record.
 *
 * <p>Threading: {@link #look} starts a thread that ends when all have been looked at, for a run
 * directory may be on a file system that hangs, and nobody is to wait for that. All else is called
 * by one thread, which waits for one result to be written at most, and only to use a run directory
 * anew.
 */
final class LostResults implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(LostResults.class);

  /** What is still to be looked at, by run directory. */
  private final Map<String, JobRecord> due = new ConcurrentHashMap<>();

  /**
   * Looks at these in the background. Of several jobs that had one directory, the last counts.
   *
   * @param records all there are, oldest first
   * @param jobs those of them that have not ended, and those that are remembered
   */
  void look(List<JobRecord> records, LiveJobs jobs, Instant now) {
    for (JobRecord record : records) {
      if (record.state().isFinal() && jobs.endedStatus(record.jobId()).isPresent()) {
        due.put(record.runDirectory(), record);
      }
    }
    jobs.all().forEach(job -> due.remove(job.run().record().runDirectory()));
    if (!due.isEmpty()) {
      Thread thread = new Thread(() -> run(now), "trireme-lost-results");
      thread.setDaemon(true);
      thread.start();
    }
  }

  private void run(Instant now) {
    for (JobRecord record : List.copyOf(due.values())) {
      try {
        // Who closes this, or runs in the directory again, takes it out.
        if (due.containsKey(record.runDirectory())) {
          look(record, now);
        }
      } catch (IOException | RuntimeException e) {
        LOG.warn("the result of {} cannot be written: {}", record.jobId(), e.toString());
      }
      due.remove(record.runDirectory());
    }
  }

  private void look(JobRecord record, Instant now) throws IOException {
    Path directory = Path.of(record.runDirectory());
    if (!LostResult.isIn(directory)) {
      return;
    }
    synchronized (this) {
      if (due.remove(record.runDirectory()) != null) {
        LostResult.write(directory, LostResult.of(record, now));
        LOG.info("{} had ended without a result; it is in {} now", record.jobId(), directory);
      }
    }
  }

  /** From now on a job runs there, which has no result. */
  synchronized void inUse(String runDirectory) {
    due.remove(runDirectory);
  }

  /** Leaves what has not been looked at to the next coordinator. */
  @Override
  public void close() {
    due.clear();
  }
}
