package dev.trireme.worker.agent;

import dev.trireme.api.job.CheckpointSpec;
import dev.trireme.api.job.DataSpec;
import dev.trireme.api.job.DatasetSpec;
import dev.trireme.api.job.JobSpec;
import dev.trireme.api.job.LayerSpec;
import dev.trireme.api.job.LossKind;
import dev.trireme.api.job.ModelSpec;
import dev.trireme.api.job.OptimizerSpec;
import dev.trireme.api.job.ParallelSpec;
import dev.trireme.api.job.ScheduleSpec;
import dev.trireme.api.job.TrainSpec;
import dev.trireme.api.job.WorkerCount;
import java.util.List;
import java.util.Optional;

/** A job for tests that train nothing. */
public final class TestJobs {
  private TestJobs() {}

  public static JobSpec job(Optional<Integer> threads) {
    return new JobSpec(
        "test",
        new ModelSpec(
            List.of(new LayerSpec.Linear(2, true)),
            Optional.empty(),
            Optional.empty(),
            Optional.empty()),
        Optional.empty(),
        new DataSpec(
            new DatasetSpec.Strokes(10, 1), Optional.empty(), ".", 4, 4, 1, Optional.empty()),
        new TrainSpec(
            Optional.of(1),
            Optional.empty(),
            1,
            LossKind.CROSS_ENTROPY,
            new OptimizerSpec.Sgd(0.1, 0, false, 0),
            new ScheduleSpec.Constant(),
            0,
            Optional.empty()),
        new ParallelSpec(
            new WorkerCount(2, 2),
            ParallelSpec.DeviceKind.CPU,
            ParallelSpec.SyncKind.ALLREDUCE,
            threads,
            1024,
            1024,
            1),
        new CheckpointSpec(Optional.empty(), 3, Optional.empty(), Optional.empty()));
  }
}
