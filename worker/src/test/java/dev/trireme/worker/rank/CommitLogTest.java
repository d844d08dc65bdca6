package dev.trireme.worker.rank;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;
import static org.assertj.core.api.Assertions.within;

import dev.trireme.api.data.Cursor;
import dev.trireme.api.train.EvalRecord;
import dev.trireme.api.train.StepRecord;
import dev.trireme.api.train.WireBytes;
import dev.trireme.protocol.RankReport;
import dev.trireme.protocol.RankReport.Committed;
import dev.trireme.protocol.RankReport.EpochEnded;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CommitLogTest {
  private static final long MILLI = 1_000_000L;

  private final List<RankReport> reports = new ArrayList<>();

  private static StepRecord step(long step, int epoch, long position, int samples, long millis) {
    return new StepRecord(
        1, step, new Cursor(epoch, position), samples, 1.0 / step, 0.1, millis * MILLI);
  }

  /** Runs steps of {@code batch} items in {@code millis} each, over sets of {@code items}. */
  private CommitLog run(int items, int batch, int steps, long millis) {
    CommitLog log = new CommitLog(items, 0);
    long position = 0;
    int epoch = 0;
    for (int s = 1; s <= steps; s++) {
      int samples = (int) Math.min(batch, items - position);
      reports.addAll(log.reduced(s, 7));
      log.exchanged(new WireBytes(10, 40));
      log.applied(step(s, epoch, position, samples, s * millis));
      position += samples;
      if (position == items) {
        position = 0;
        epoch++;
      }
    }
    reports.addAll(log.closed(7));
    return log;
  }

  private <T> List<T> all(Class<T> type) {
    return reports.stream().filter(type::isInstance).map(type::cast).toList();
  }

  @ParameterizedTest(name = "{0} steps of {1} ms: {2}")
  @CsvSource(
      delimiter = '|',
      value = {
        "1 | 10 | 1",
        "2 | 10 | 1,2",
        "3 | 10 | 1,3",
        "250 | 10 | 1,101,201,250",
        "5 | 600 | 1,3,5",
        "4 | 5000 | 1,2,3,4",
        "101 | 10 | 1,101"
      })
  void shouldReportTheFirstStepThenOneASecondAndTheLast(int steps, long millis, String reported) {
    run(1_000_000, 4, steps, millis);
    assertThat(all(Committed.class).stream().map(c -> Long.toString(c.step())))
        .containsExactly(reported.split(","));
  }

  @Test
  void shouldSayNothingOfAStepThatIsNotCommitted() {
    CommitLog log = new CommitLog(100, 0);
    log.applied(step(1, 0, 0, 4, 10));
    assertThat(log.reduced(1, 0)).as("its own collective does not commit it").isEmpty();
    assertThat(log.reduced(2, 0)).hasSize(2).last().isInstanceOf(Committed.class);
    assertThat(log.reduced(2, 0)).as("once only").isEmpty();
    assertThat(log.closed(0)).as("nothing is pending").isEmpty();
  }

  @Test
  void shouldRefuseALoopThatForgetsToSayReduced() {
    CommitLog log = new CommitLog(100, 0);
    log.applied(step(1, 0, 0, 4, 10));
    assertThatThrownBy(() -> log.applied(step(2, 0, 4, 4, 20)))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("step 2 was applied before step 1 was committed");
  }

  @Test
  void shouldCountSamplesSinceTheReportBefore() {
    run(1_000_000, 4, 250, 10);
    List<Committed> committed = all(Committed.class);
    assertThat(committed)
        .allSatisfy(c -> assertThat(c.samplesPerSecond()).isCloseTo(400, within(1e-6)));
    assertThat(committed.get(1))
        .isEqualTo(new Committed(101, new Cursor(0, 400), 4, 1.0 / 101, 0.1, 400.0, 7, 10, 40));
  }

  @ParameterizedTest(name = "{0} steps")
  @CsvSource({"1, NaN", "10, NaN", "11, 400", "50, 400"})
  void shouldTimeTheRunFromTheEndOfItsTenthStep(int steps, double expected) {
    double found = run(1_000_000, 4, steps, 10).samplesPerSecond();
    if (Double.isNaN(expected)) {
      assertThat(found).isNaN();
    } else {
      assertThat(found).isCloseTo(expected, within(1e-6));
    }
  }

  @Test
  void shouldNotTimeTheFirstTenSteps() {
    CommitLog log = new CommitLog(1000, 0);
    for (int s = 1; s <= 12; s++) {
      log.reduced(s, 0);
      log.applied(step(s, 0, s * 4, s == 12 ? 2 : 4, s <= 10 ? s * 1000 : 10_000 + (s - 10) * 10));
    }
    log.closed(0);
    assertThat(log.samplesPerSecond()).as("6 samples in 20 ms").isCloseTo(300, within(1e-6));
  }

  @Test
  void shouldEndEpochsByTheCursorAlone() {
    run(10, 4, 7, 100);
    assertThat(all(EpochEnded.class))
        .extracting(EpochEnded::epoch, EpochEnded::step)
        .containsExactly(tuple(0, 3L), tuple(1, 6L));
    EpochEnded first = all(EpochEnded.class).get(0);
    assertThat(first.trainLoss()).isCloseTo((1.0 + 0.5 + 1.0 / 3) / 3, within(1e-12));
    assertThat(first.evalLoss()).isNaN();
    assertThat(first.evalAccuracy()).isNaN();
    assertThat(first.seconds()).isCloseTo(0.3, within(1e-9));
    assertThat(all(EpochEnded.class).get(1).seconds()).isCloseTo(0.3, within(1e-9));
  }

  @Test
  void shouldPutTheEvaluationIntoItsEpochAndItsTimeToo() {
    CommitLog log = new CommitLog(8, 0);
    log.applied(step(1, 0, 0, 4, 100));
    log.reduced(2, 0);
    log.applied(step(2, 0, 4, 4, 200));
    log.evaluated(new EvalRecord(2, 0, 0.25, 0.9), 500 * MILLI);
    List<RankReport> committed = log.reduced(3, 0);
    assertThat(committed).contains(new EpochEnded(0, 2, 0.75, 0.25, 0.9, 0.5));

    log.applied(step(3, 1, 0, 4, 600));
    log.reduced(4, 0);
    log.applied(step(4, 1, 4, 4, 700));
    EpochEnded second = (EpochEnded) log.closed(0).get(2);
    assertThat(second.evalLoss()).as("the evaluation of another epoch").isNaN();
    assertThat(second.seconds()).isCloseTo(0.2, within(1e-9));
  }

  @Test
  void shouldReportAnEpochCutShortOnlyWhenItWasEvaluatedAtItsEnd() {
    CommitLog log = new CommitLog(100, 0);
    log.applied(step(1, 0, 0, 4, 100));
    log.evaluated(new EvalRecord(1, 0, 0.25, 0.9), 200 * MILLI);
    assertThat(log.closed(0)).hasSize(3).contains(new EpochEnded(0, 1, 1.0, 0.25, 0.9, 0.2));

    CommitLog other = new CommitLog(100, 0);
    other.applied(step(1, 0, 0, 4, 100));
    other.evaluated(new EvalRecord(1, 0, 0.25, 0.9), 200 * MILLI);
    other.reduced(2, 0);
    other.applied(step(2, 0, 4, 4, 300));
    assertThat(other.closed(0)).as("stopped a step later").hasSize(2);
  }

  @Test
  void shouldEndAnEpochInWhoseMiddleTheRunBegan() {
    CommitLog log = new CommitLog(10, 0);
    log.applied(step(41, 3, 8, 2, 50));
    assertThat(log.closed(0)).hasSize(3).last().isInstanceOf(EpochEnded.class);
  }

  @Test
  void shouldTellAnEpochAgainWhoseEvaluationWasInterrupted() {
    CommitLog log = new CommitLog(8, 0);
    log.applied(step(1, 0, 0, 4, 100));
    log.reduced(2, 0);
    log.applied(step(2, 0, 4, 4, 200));
    EpochEnded cut = (EpochEnded) log.recovered(2, 0).get(2);
    assertThat(cut.evalLoss()).isNaN();

    EvalRecord evaluation = new EvalRecord(2, 0, 0.25, 0.9);
    assertThat(log.evaluated(evaluation, 500 * MILLI))
        .containsExactly(new EpochEnded(0, 2, cut.trainLoss(), 0.25, 0.9, cut.seconds()));
    assertThat(log.evaluated(evaluation, 600 * MILLI)).as("once only").isEmpty();

    CommitLog ofAnother = new CommitLog(8, 0);
    assertThat(ofAnother.evaluated(evaluation, 10))
        .containsExactly(new EpochEnded(0, 2, Double.NaN, 0.25, 0.9, Double.NaN));
  }
}
