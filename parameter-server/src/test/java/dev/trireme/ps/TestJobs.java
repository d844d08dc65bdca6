package dev.trireme.ps;

import dev.trireme.api.job.CheckpointSpec;
import dev.trireme.api.job.CompressionSpec;
import dev.trireme.api.job.ConsistencySpec;
import dev.trireme.api.job.DataSpec;
import dev.trireme.api.job.DatasetSpec;
import dev.trireme.api.job.JobSpec;
import dev.trireme.api.job.LayerSpec;
import dev.trireme.api.job.LossKind;
import dev.trireme.api.job.ModelSpec;
import dev.trireme.api.job.OptimizerSpec;
import dev.trireme.api.job.ParallelSpec;
import dev.trireme.api.job.ParameterServerSpec;
import dev.trireme.api.job.ScheduleSpec;
import dev.trireme.api.job.TrainSpec;
import dev.trireme.api.job.WorkerCount;
import java.util.List;
import java.util.Optional;

/** Jobs with a parameter server. */
final class TestJobs {
  static final int ITEMS = 1000;

  private TestJobs() {}

  static JobSpec job(
      OptimizerSpec optimizer, ConsistencySpec consistency, int workers, int servers, int backups) {
    return job(optimizer, consistency, workers, servers, backups, true);
  }

  static JobSpec job(
      OptimizerSpec optimizer,
      ConsistencySpec consistency,
      int workers,
      int servers,
      int backups,
      boolean sparse) {
    CompressionSpec none = new CompressionSpec.None();
    return job(optimizer, consistency, workers, servers, backups, sparse, none);
  }

  static JobSpec job(
      OptimizerSpec optimizer,
      ConsistencySpec consistency,
      int workers,
      int servers,
      int backups,
      boolean sparse,
      CompressionSpec compression) {
    return new JobSpec(
        "test",
        new ModelSpec(
            List.of(new LayerSpec.Flatten()), Optional.empty(), Optional.empty(), Optional.empty()),
        Optional.empty(),
        new DataSpec(
            new DatasetSpec.Strokes(ITEMS, 1),
            Optional.empty(),
            ".",
            100,
            500,
            2,
            Optional.empty()),
        new TrainSpec(
            Optional.of(4),
            Optional.empty(),
            1,
            LossKind.CROSS_ENTROPY,
            optimizer,
            new ScheduleSpec.Constant(),
            0,
            Optional.empty()),
        new ParallelSpec(
            new WorkerCount(workers, workers),
            ParallelSpec.DeviceKind.CPU,
            ParallelSpec.SyncKind.PARAMETER_SERVER,
            Optional.empty(),
            25 << 20,
            1 << 20,
            20,
            compression,
            List.of(),
            ParallelSpec.BackendKind.AUTO,
            Optional.of(new ParameterServerSpec(servers, backups, consistency, sparse))),
        new CheckpointSpec(Optional.empty(), 3, Optional.empty(), Optional.empty()));
  }
}
