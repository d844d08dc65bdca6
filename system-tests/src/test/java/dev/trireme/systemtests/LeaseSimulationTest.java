package dev.trireme.systemtests;

import dev.trireme.api.job.CheckpointSpec;
import dev.trireme.api.job.DataSpec;
import dev.trireme.api.job.DatasetSpec;
import dev.trireme.api.job.FailurePolicySpec;
import dev.trireme.api.job.JobSpec;
import dev.trireme.api.job.LayerSpec;
import dev.trireme.api.job.LossKind;
import dev.trireme.api.job.ModelSpec;
import dev.trireme.api.job.OptimizerSpec;
import dev.trireme.api.job.ParallelSpec;
import dev.trireme.api.job.ScheduleSpec;
import dev.trireme.api.job.TrainSpec;
import dev.trireme.api.job.WorkerCount;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Terms, generations and leases against cuts, crashes, and coordinators that will not know. */
class LeaseSimulationTest {
  /** More with {@code -Dtrireme.lease.seeds=10000}. */
  private static final int SEEDS = Integer.getInteger("trireme.lease.seeds", 60);

  private static final long FIRST = Long.getLong("trireme.lease.seed", 1);

  @TempDir Path directory;

  @Test
  void shouldNeverHaveTwoFormationsOfAJobCommitSteps() {
    for (long seed = FIRST; seed < FIRST + SEEDS; seed++) {
      try {
        new LeaseWorld(seed, directory.resolve("seed-" + seed)).live(job());
      } catch (RuntimeException | AssertionError e) {
        throw new AssertionError("seed " + seed, e);
      }
    }
  }

  private static JobSpec job() {
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
            new WorkerCount(2, 2),
            ParallelSpec.DeviceKind.CPU,
            ParallelSpec.SyncKind.ALLREDUCE,
            Optional.empty(),
            1 << 20,
            1 << 20,
            60),
        new CheckpointSpec(Optional.empty(), 3, Optional.empty(), Optional.empty()),
        new FailurePolicySpec(1000, 600, 1000, 0, 0, 0));
  }
}
