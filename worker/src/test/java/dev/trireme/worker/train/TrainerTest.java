package dev.trireme.worker.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.api.checkpoint.CheckpointContent;
import dev.trireme.api.checkpoint.CheckpointException;
import dev.trireme.api.checkpoint.Checkpointer;
import dev.trireme.api.data.Cursor;
import dev.trireme.api.fake.Diary;
import dev.trireme.api.fake.FakeData;
import dev.trireme.api.fake.FakeGroup;
import dev.trireme.api.fake.FakeReplica;
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
import dev.trireme.api.tensor.NamedTensor;
import dev.trireme.api.tensor.TensorBuffer;
import dev.trireme.api.train.EvalRecord;
import dev.trireme.api.train.GradientExchange;
import dev.trireme.api.train.Progress;
import dev.trireme.api.train.StepCoordinator;
import dev.trireme.api.train.StepRecord;
import dev.trireme.api.train.StepSignals;
import dev.trireme.api.train.StepTotals;
import dev.trireme.api.train.TrainingOutcome;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TrainerTest {
  private final Diary diary = new Diary();
  private Optional<Checkpointer.Restored> stored = Optional.empty();
  private Optional<Progress> survived = Optional.empty();
  private Optional<Long> saved = Optional.empty();

  /** Of this run's own checkpoints. */
  @TempDir private Path place;

  private long stopAtStep = Long.MAX_VALUE;

  @Test
  void shouldExchangeGradientsBeforeTheOptimizerRunsAndCommitTheStepBefore() {
    run(spec(Optional.of(1L), Optional.empty(), Optional.empty()), 4, false);
    assertThat(diary.lines())
        .containsSubsequence(
            "broadcast",
            "started 0",
            "prepare 0:0",
            "forward 0:0",
            "begin 1",
            "backward",
            "ready 0",
            "prepare 1:0",
            "await",
            "reduced 1",
            "optimize",
            "applied 1",
            "barrier",
            "closed",
            "drain");
  }

  @Test
  void shouldTakeTheShortLastBatchAndGoOnWithTheNextEpoch() {
    TrainingOutcome outcome =
        run(spec(Optional.empty(), Optional.of(2), Optional.empty()), 10, false);
    assertThat(diary.lines().stream().filter(l -> l.startsWith("forward")))
        .containsExactly(
            "forward 0:0",
            "forward 0:4",
            "forward 0:8",
            "forward 1:0",
            "forward 1:4",
            "forward 1:8");
    assertThat(outcome.progress()).isEqualTo(new Progress(6, new Cursor(2, 0)));
    assertThat(outcome.stopped()).isFalse();
    assertThat(outcome.metrics()).containsEntry("loss", 2.0);
  }

  @Test
  void shouldEvaluateOnceAtTheEndOfEachEpoch() {
    TrainingOutcome outcome =
        run(spec(Optional.empty(), Optional.of(2), Optional.empty()), 8, true);
    assertThat(diary.lines().stream().filter(l -> l.startsWith("evaluated")))
        .containsExactly("evaluated 2 epoch 0", "evaluated 4 epoch 1");
    assertThat(outcome.metrics()).containsEntry("loss", 3.0).containsEntry("accuracy", 1.0);
  }

  @Test
  void shouldEvaluateAtTheEndWhenStepsEndInsideAnEpoch() {
    run(spec(Optional.of(3L), Optional.empty(), Optional.empty()), 8, true);
    assertThat(diary.lines().stream().filter(l -> l.startsWith("evaluated")))
        .containsExactly("evaluated 2 epoch 0", "evaluated 3 epoch 1");
  }

  @Test
  void shouldTellTheLossOfTheLastEvaluationBesideItsAccuracyWhenStopped() {
    stopAtStep = 3;
    TrainingOutcome outcome =
        run(spec(Optional.of(100L), Optional.empty(), Optional.empty()), 8, true);
    assertThat(outcome.stopped()).isTrue();
    assertThat(outcome.metrics()).containsEntry("loss", 3.0).containsEntry("accuracy", 1.0);
  }

  @Test
  void shouldStopAfterTheStepInWhichAStopWasRequested() {
    stopAtStep = 2;
    TrainingOutcome outcome =
        run(spec(Optional.of(100L), Optional.empty(), Optional.empty()), 8, true);
    assertThat(outcome.progress().step()).isEqualTo(2);
    assertThat(outcome.stopped()).isTrue();
    assertThat(diary.lines()).contains("closed", "drain");
    assertThat(diary.lines().stream().filter(l -> l.startsWith("evaluated"))).isEmpty();
  }

  @Test
  void shouldEvaluateWhatIsDoneThoughAStopWasRequestedInItsLastStep() {
    stopAtStep = 3;
    TrainingOutcome outcome =
        run(spec(Optional.of(3L), Optional.empty(), Optional.empty()), 8, true);
    assertThat(outcome.stopped()).isFalse();
    assertThat(diary.lines()).contains("evaluated 3 epoch 1");
    assertThat(outcome.metrics()).containsKey("accuracy");
  }

  @Test
  void shouldContinueAtTheStepAfterTheCheckpoint() {
    stored =
        Optional.of(
            new Checkpointer.Restored(
                "ckpt/step-00000003", 1, new Progress(3, new Cursor(1, 4)), 1));
    run(spec(Optional.of(4L), Optional.empty(), Optional.of("ckpt")), 8, false);
    assertThat(diary.lines()).contains("started 3 from ckpt/step-00000003", "forward 1:4");
    assertThat(diary.lines().stream().filter(l -> l.startsWith("begin")))
        .containsExactly("begin 4");
  }

  @Test
  void shouldEvaluateAgainWhereAnEpochHadEndedAndNobodyKnowsWhetherItWasEvaluated() {
    stored =
        Optional.of(
            new Checkpointer.Restored(
                "ckpt/step-00000002", 1, new Progress(2, new Cursor(1, 0)), 1));
    run(spec(Optional.of(3L), Optional.empty(), Optional.of("ckpt")), 8, true);
    assertThat(diary.lines())
        .containsSubsequence("started 2 from ckpt/step-00000002", "evaluated 2 epoch 0", "begin 3");
  }

  @Test
  void shouldRefuseToResumeFromADirectoryWithoutAWholeCheckpoint() {
    JobSpec job = spec(Optional.of(4L), Optional.empty(), Optional.of("ckpt"));
    assertThatThrownBy(() -> run(job, 8, false))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("'ckpt' holds no whole checkpoint");
  }

  /** Neither where the directory is gone, as what is not mounted, nor where nothing is whole. */
  @Test
  void shouldNotBeginAnewWhereItsOwnCheckpointsAreGone() {
    saved = Optional.of(2L);
    JobSpec job = spec(Optional.of(4L), Optional.empty(), Optional.empty());
    for (Path each : List.of(place, place.resolve("gone"))) {
      place = each;
      assertThatThrownBy(() -> run(job, 8, false))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContainingAll("saved its step 2", each.toString(), "does not begin anew");
    }
    assertThat(diary.lines()).noneMatch(line -> line.startsWith("forward"));
  }

  @Test
  void shouldSaveACheckpointEveryNStepsAndAtTheEnd() {
    run(spec(Optional.of(5L), Optional.empty(), Optional.empty()), 8, false);
    assertThat(diary.lines().stream().filter(l -> l.startsWith("save")))
        .containsExactly("save 2", "save 4", "save 5");
  }

  /** A failure came between the last step and its checkpoint. */
  @Test
  void shouldSaveTheLastStepThoughNoneIsLeftToDo() {
    survived = Optional.of(new Progress(5, new Cursor(2, 4)));
    run(spec(Optional.of(5L), Optional.empty(), Optional.empty()), 8, false);
    assertThat(diary.lines().stream().filter(l -> l.startsWith("save"))).containsExactly("save 5");
    assertThat(diary.lines().stream().filter(l -> l.startsWith("begin"))).isEmpty();
  }

  @Test
  void shouldNotSaveAgainWhatItRestored() {
    stored =
        Optional.of(
            new Checkpointer.Restored(
                "ckpt/step-00000005", 1, new Progress(5, new Cursor(2, 4)), 1));
    run(spec(Optional.of(5L), Optional.empty(), Optional.of("ckpt")), 8, false);
    assertThat(diary.lines().stream().filter(l -> l.startsWith("save"))).isEmpty();
  }

  private TrainingOutcome run(JobSpec job, int items, boolean evaluates) {
    try (FakeReplica replica = new FakeReplica(diary);
        FakeGroup group = new FakeGroup(diary);
        FakeData data = new FakeData(items, job.data().batchSize(), evaluates)) {
      RankState state = new RankState(items, replica.statistics());
      survived.ifPresent(state::holds);
      RankContext context =
          new RankContext(
              job,
              "",
              new RankContext.Ports(
                  replica, data, group, new Exchange(), new Steps(), new Checkpoints(), state),
              new RankContext.Origin(
                  0, survived.isPresent(), saved.map(step -> place.toString()), saved),
              (progress, from) ->
                  diary.write(
                      "started " + progress.step() + from.map(p -> " from " + p).orElse("")));
      return new Trainer().train(context);
    }
  }

  private static JobSpec spec(
      Optional<Long> steps, Optional<Integer> epochs, Optional<String> resumeFrom) {
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
            epochs,
            steps,
            1,
            LossKind.CROSS_ENTROPY,
            new OptimizerSpec.Sgd(0.1, 0, false, 0),
            new ScheduleSpec.Constant(),
            0,
            Optional.empty()),
        new ParallelSpec(
            new WorkerCount(1, 1),
            ParallelSpec.DeviceKind.CPU,
            ParallelSpec.SyncKind.ALLREDUCE,
            Optional.empty(),
            1024,
            1024,
            1),
        new CheckpointSpec(Optional.of(2L), 3, Optional.empty(), resumeFrom));
  }

  private final class Exchange implements GradientExchange {
    private StepSignals signals;

    @Override
    public void part(int index, int count) {
      if (count > 1) {
        diary.write("part " + index + " of " + count);
      }
    }

    @Override
    public void begin(long step, StepSignals signals) {
      diary.write("begin " + step);
      this.signals = signals;
    }

    @Override
    public void ready(int parameter, TensorBuffer gradient) {
      diary.write("ready " + parameter);
    }

    @Override
    public StepTotals await() {
      diary.write("await");
      return new StepTotals(signals.loss(), signals.stop(), signals.checkpoint());
    }

    @Override
    public List<TensorBuffer> reduced() {
      return List.of();
    }

    @Override
    public void close() {}
  }

  private final class Steps implements StepCoordinator {
    private long applied;

    @Override
    public boolean stopRequested() {
      return applied + 1 >= stopAtStep;
    }

    @Override
    public boolean checkpointRequested() {
      return false;
    }

    @Override
    public void reduced(long step) {
      diary.write("reduced " + step);
    }

    @Override
    public void applied(StepRecord record) {
      applied = record.step();
      diary.write("applied " + record.step());
    }

    @Override
    public void saving() {
      diary.write("saving " + applied);
    }

    @Override
    public void closed() {
      diary.write("closed");
    }

    @Override
    public void evaluated(EvalRecord record) {
      diary.write("evaluated " + record.step() + " epoch " + record.epoch());
    }
  }

  private final class Checkpoints implements Checkpointer {
    @Override
    public Duration save(CheckpointContent content) {
      diary.write("save " + content.progress().step());
      return Duration.ZERO;
    }

    @Override
    public void drain(Duration deadline) {
      assertThat(deadline).as("what one save may take").isEqualTo(Checkpointer.SAVE_LIMIT);
      diary.write("drain");
    }

    @Override
    public Optional<Restored> restore(String source, List<NamedTensor> tensors) {
      return stored;
    }

    @Override
    public void loadWeights(Path file, List<NamedTensor> tensors) {
      diary.write("weights " + file);
    }

    @Override
    public void close() {}
  }
}
