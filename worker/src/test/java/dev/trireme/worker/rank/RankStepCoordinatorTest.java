package dev.trireme.worker.rank;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.api.data.Cursor;
import dev.trireme.api.train.EvalRecord;
import dev.trireme.api.train.StepRecord;
import dev.trireme.api.train.WireBytes;
import dev.trireme.protocol.AgentToRank;
import dev.trireme.protocol.RankReport;
import dev.trireme.protocol.SampleRange;
import dev.trireme.protocol.Stamp;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class RankStepCoordinatorTest {
  private static final Stamp STAMP = new Stamp(1, 1);

  private final List<RankReport> reports = new ArrayList<>();
  private final AtomicLong now = new AtomicLong();
  private final RankStepCoordinator steps = coordinator(0);

  private RankStepCoordinator coordinator(int rank) {
    return new RankStepCoordinator(rank, 8, () -> 99, now::get, Optional.empty(), reports::add);
  }

  private static StepRecord step(long step) {
    return new StepRecord(1, step, new Cursor(0, (step - 1) * 4), 4, 0.5, 0.1, step * 1_000_000);
  }

  @Test
  void shouldReportCommittedStepsAndEpochsOfRankZero() {
    steps.reduced(1);
    steps.applied(step(1));
    steps.reduced(2);
    steps.applied(step(2));
    steps.evaluated(new EvalRecord(2, 0, 0.25, 0.9));
    steps.closed();
    assertThat(reports)
        .hasExactlyElementsOfTypes(
            RankReport.Samples.class,
            RankReport.Committed.class,
            RankReport.Samples.class,
            RankReport.Committed.class,
            RankReport.EpochEnded.class);
    assertThat(((RankReport.Committed) reports.get(1)).nativeBytes()).isEqualTo(99);
  }

  @Test
  void shouldKeepTheOtherRanksSilent() {
    RankStepCoordinator other = coordinator(1);
    other.applied(step(1));
    other.reduced(2);
    other.applied(step(2));
    other.evaluated(new EvalRecord(2, 0, 0.25, 0.9));
    other.closed();
    assertThat(reports).isEmpty();
  }

  @Test
  void shouldKeepAskingToStopOnceAsked() {
    assertThat(steps.stopRequested()).isFalse();
    steps.onCommand(new AgentToRank.StopAfterStep(STAMP, "cancelled"));
    assertThat(steps.stopRequested()).isTrue();
    assertThat(steps.stopRequested()).isTrue();
  }

  @Test
  void shouldAskForACheckpointUntilAStepHasCarriedIt() {
    steps.onCommand(new AgentToRank.CheckpointAfterStep(STAMP));
    assertThat(steps.checkpointRequested()).isTrue();
    assertThat(steps.checkpointRequested()).as("the step was aborted").isTrue();
    steps.applied(step(1));
    assertThat(steps.checkpointRequested()).isFalse();
  }

  @Test
  void shouldStopAndSaveAfterTheSameStepWhenAskedBetweenTheTwoQuestions() {
    assertThat(steps.stopRequested()).isFalse();
    steps.onCommand(new AgentToRank.CheckpointAfterStep(STAMP));
    steps.onCommand(new AgentToRank.StopAfterStep(STAMP, "cancelled"));
    assertThat(steps.checkpointRequested()).as("with this step").isFalse();
    assertThat(steps.stopRequested()).isFalse();
    steps.applied(step(1));
    assertThat(steps.checkpointRequested()).as("with the next").isTrue();
    assertThat(steps.stopRequested()).isTrue();
  }

  @Test
  void shouldSaveAndStopTogetherBeforeTheWordOfTheStopHasCome() {
    steps.onCommand(new AgentToRank.CheckpointAfterStep(STAMP));
    assertThat(steps.stopRequested()).isTrue();
    assertThat(steps.checkpointRequested()).isTrue();
    steps.formed(0, 0, false, () -> WireBytes.NONE);
    assertThat(steps.stopRequested()).as("meant for the formation before").isFalse();
    assertThat(steps.checkpointRequested()).isFalse();
  }

  @Test
  void shouldAskForACheckpointByTheClockOfRankZero() {
    Optional<Duration> everySecond = Optional.of(Duration.ofSeconds(1));
    RankStepCoordinator zero =
        new RankStepCoordinator(0, 8, () -> 0, now::get, everySecond, reports::add);
    RankStepCoordinator one =
        new RankStepCoordinator(1, 8, () -> 0, now::get, everySecond, reports::add);
    now.set(999_999_999);
    assertThat(zero.checkpointRequested()).isFalse();
    now.set(1_000_000_000);
    assertThat(zero.checkpointRequested()).isTrue();
    assertThat(one.checkpointRequested()).isFalse();
    zero.applied(step(1));
    assertThat(zero.checkpointRequested()).isFalse();
    now.set(2_000_000_000);
    assertThat(zero.checkpointRequested()).isTrue();
  }

  @Test
  void shouldNotForgetACheckpointAskedForDuringAStep() {
    assertThat(steps.checkpointRequested()).isFalse();
    steps.onCommand(new AgentToRank.CheckpointAfterStep(STAMP));
    steps.applied(step(1));
    assertThat(steps.checkpointRequested()).isTrue();
  }

  /** Rank 0 may die between a step and its report, also where both would report it just then. */
  @Test
  void shouldSayAsSourceAllThatTheReporterMayNotHaveSaid() {
    RankStepCoordinator survivor = coordinator(1);
    survivor.applied(step(1));
    survivor.saving();
    survivor.reduced(2);
    survivor.applied(step(2));
    survivor.saving();
    survivor.formed(1, 2, true, () -> WireBytes.NONE);
    assertThat(reports)
        .filteredOn(RankReport.Samples.class::isInstance)
        .singleElement()
        .extracting(r -> ((RankReport.Samples) r).ranges())
        .isEqualTo(List.of(new SampleRange(1, 1, 2, new Cursor(0, 0), 4, 8)));
  }
}
