package dev.trireme.coordinator.control;

import dev.trireme.coordinator.CoordinatorException;
import dev.trireme.coordinator.NotActiveException;
import dev.trireme.coordinator.store.JobStore;
import dev.trireme.protocol.Stored.JobRecord;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** A store that outlives coordinators, and whose disk may be full, or another's by now. */
final class MemoryJobStore implements JobStore {
  private final Map<String, JobRecord> jobs = new TreeMap<>();
  private long term;
  private boolean full;
  private boolean taken;

  /** Whether nothing more can be kept. */
  void full(boolean now) {
    full = now;
  }

  /** Whether another coordinator has taken over. */
  void taken(boolean now) {
    taken = now;
  }

  /** One that is there, as it was put last. */
  JobRecord job(String jobId) {
    return jobs.get(jobId);
  }

  @Override
  public long raiseTerm(long floor) {
    term = Math.max(term, floor) + 1;
    return term;
  }

  @Override
  public void confirm() {
    if (taken) {
      throw new NotActiveException("another has taken over");
    }
  }

  @Override
  public void put(JobRecord job) {
    confirm();
    if (full) {
      throw new CoordinatorException("the disk is full");
    }
    jobs.put(job.jobId(), job);
  }

  @Override
  public void remove(String jobId) {
    jobs.remove(jobId);
  }

  @Override
  public List<JobRecord> jobs() {
    return List.copyOf(jobs.values());
  }

  @Override
  public void close() {}
}
