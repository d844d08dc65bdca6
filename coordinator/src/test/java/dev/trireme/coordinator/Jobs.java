package dev.trireme.coordinator;

import dev.trireme.api.job.CheckpointSpec;
import dev.trireme.api.job.ConsistencySpec;
import dev.trireme.api.job.DataSpec;
import dev.trireme.api.job.DatasetSpec;
import dev.trireme.api.job.FailurePolicySpec;
import dev.trireme.api.job.JobSpec;
import dev.trireme.api.job.LayerSpec;
import dev.trireme.api.job.LossKind;
import dev.trireme.api.job.ModelSpec;
import dev.trireme.api.job.OptimizerSpec;
import dev.trireme.api.job.ParallelSpec;
import dev.trireme.api.job.ParameterServerSpec;
import dev.trireme.api.job.QueueSpec;
import dev.trireme.api.job.ScheduleSpec;
import dev.trireme.api.job.TrainSpec;
import dev.trireme.api.job.WorkerCount;
import dev.trireme.protocol.JobState;
import dev.trireme.protocol.Stored.JobRecord;
import java.util.List;
import java.util.Optional;

/** Jobs to test with. */
public final class Jobs {
  private Jobs() {}

  /** A small job that wants this many workers and ends with the first failure. */
  public static JobSpec spec(int min, int max) {
    return spec(min, max, new FailurePolicySpec(0, 600, 0, 0, 0, 0));
  }

  /** A small job that wants this many workers. */
  public static JobSpec spec(int min, int max, FailurePolicySpec policy) {
    return new JobSpec(
        "small",
        new ModelSpec(
            List.of(new LayerSpec.Flatten(), new LayerSpec.Linear(10, true)),
            Optional.empty(),
            Optional.empty(),
            Optional.empty()),
        Optional.empty(),
        new DataSpec(
            new DatasetSpec.Strokes(1000, 1), Optional.empty(), ".", 100, 500, 2, Optional.empty()),
        new TrainSpec(
            Optional.of(2),
            Optional.empty(),
            1,
            LossKind.CROSS_ENTROPY,
            new OptimizerSpec.Sgd(0.1, 0, false, 0),
            new ScheduleSpec.Constant(),
            0,
            Optional.empty()),
        new ParallelSpec(
            new WorkerCount(min, max),
            ParallelSpec.DeviceKind.CPU,
            ParallelSpec.SyncKind.ALLREDUCE,
            Optional.empty(),
            1 << 20,
            1 << 20,
            60),
        new CheckpointSpec(Optional.empty(), 3, Optional.empty(), Optional.empty()),
        policy);
  }

  /** The same job with another priority. */
  public static JobSpec withPriority(JobSpec job, int priority) {
    return new JobSpec(
        job.name(),
        job.model(),
        job.program(),
        job.data(),
        job.train(),
        job.parallel(),
        job.checkpoint(),
        job.failurePolicy(),
        new QueueSpec(priority, QueueSpec.Placing.PACK));
  }

  /** The same job with a parameter server. */
  public static JobSpec withServers(JobSpec job, int servers, int backups) {
    ParallelSpec parallel = job.parallel();
    return with(
        job,
        new ParallelSpec(
            parallel.workers(),
            parallel.device(),
            ParallelSpec.SyncKind.PARAMETER_SERVER,
            parallel.threads(),
            parallel.bucketSize(),
            parallel.firstBucketSize(),
            parallel.timeoutSeconds(),
            parallel.compression(),
            parallel.algorithms(),
            parallel.backend(),
            Optional.of(
                new ParameterServerSpec(servers, backups, new ConsistencySpec.Bsp(0), true))));
  }

  private static JobSpec with(JobSpec job, ParallelSpec parallel) {
    return new JobSpec(
        job.name(),
        job.model(),
        job.program(),
        job.data(),
        job.train(),
        parallel,
        job.checkpoint(),
        job.failurePolicy(),
        job.queue());
  }

  /** The same job with buckets of another size. */
  public static JobSpec withBucketSize(JobSpec job, long bytes) {
    ParallelSpec parallel = job.parallel();
    return with(
        job,
        new ParallelSpec(
            parallel.workers(),
            parallel.device(),
            parallel.sync(),
            parallel.threads(),
            bytes,
            parallel.firstBucketSize(),
            parallel.timeoutSeconds()));
  }

  /** The same job whose collectives may take so long. */
  public static JobSpec withTimeout(JobSpec job, double seconds) {
    ParallelSpec parallel = job.parallel();
    return with(
        job,
        new ParallelSpec(
            parallel.workers(),
            parallel.device(),
            parallel.sync(),
            parallel.threads(),
            parallel.bucketSize(),
            parallel.firstBucketSize(),
            seconds));
  }

  /** A job of two workers as it is stored, which ends with the first failure. */
  public static JobRecord record(String jobId, long term, long version, JobState state) {
    return record(jobId, term, version, state, spec(2, 2));
  }

  /** A job as it is stored. */
  public static JobRecord record(
      String jobId, long term, long version, JobState state, JobSpec job) {
    return new JobRecord(
        jobId,
        term,
        version,
        job,
        "name: small\n",
        "/nowhere/" + jobId,
        "somebody",
        1_800_000_000_000L,
        state,
        "because",
        List.of());
  }
}
