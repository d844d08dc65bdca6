package dev.trireme.coordinator.schedule;

import dev.trireme.api.job.QueueSpec.Placing;
import dev.trireme.api.job.WorkerCount;
import dev.trireme.coordinator.schedule.Scheduler.Demand;
import dev.trireme.coordinator.schedule.Scheduler.RunningJob;
import java.util.List;

/**
 * A job that runs and has lost ranks without which it cannot go on. Its survivors hold slots and
 * wait; were two such jobs to wait for each other's, neither would ever go on. So the more
 * important of them, of several the oldest, is the head of all, and the others may have to wait
 * again from their checkpoints.
 *
 * @param asWaiting what it lacks, as a job that waits for that alone
 * @param demands on others
 */
record Half(WaitingJob asWaiting, List<Demand> demands) {
  static Half of(RunningJob job, List<RunningJob> running, Room room) {
    WaitingJob rest =
        new WaitingJob(
            job.jobId(),
            new WorkerCount(job.lacking(), job.lacking()),
            job.need(),
            job.priority(),
            job.user(),
            Placing.PACK,
            job.spans(),
            0);
    return new Half(rest, Reclaim.room(rest, job.need(), running, room, true).demands());
  }
}
