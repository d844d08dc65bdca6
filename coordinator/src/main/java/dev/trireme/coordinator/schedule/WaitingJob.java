package dev.trireme.coordinator.schedule;

import dev.trireme.api.job.QueueSpec.Placing;
import dev.trireme.api.job.WorkerCount;

/**
 * A job that waits.
 *
 * @param workers how many ranks it can use
 * @param need what each of them takes
 * @param priority more goes first
 * @param user whose it is, for the fair share
 * @param placing which hosts it prefers
 * @param spans whether its ranks may be on several agents
 * @param acceptedMillis when it was accepted, since 1970 UTC
 */
public record WaitingJob(
    String jobId,
    WorkerCount workers,
    Need need,
    int priority,
    String user,
    Placing placing,
    boolean spans,
    long acceptedMillis) {
  /** Of nobody in particular, on the CPU, with the usual priority. */
  public WaitingJob(String jobId, WorkerCount workers) {
    this(jobId, workers, Need.SLOT, 0, "", Placing.PACK, true, 0);
  }
}
