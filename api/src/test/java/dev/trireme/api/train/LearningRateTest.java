package dev.trireme.api.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.trireme.api.job.ScheduleSpec;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class LearningRateTest {
  private static final ScheduleSpec CONSTANT = new ScheduleSpec.Constant();
  private static final ScheduleSpec STEP = new ScheduleSpec.Step(3, 0.5);
  private static final ScheduleSpec COSINE = new ScheduleSpec.Cosine(0);
  private static final ScheduleSpec COSINE_TO_TENTH = new ScheduleSpec.Cosine(0.1);
  private static final ScheduleSpec ONE_CYCLE = new ScheduleSpec.OneCycle(0.5, 4, 100);

  /** Schedule, warm-up, total, step, rate for a base of 8: all computed by hand. */
  static Stream<Arguments> rates() {
    return Stream.of(
        Arguments.of(CONSTANT, 0, 10, 1, 8.0),
        Arguments.of(CONSTANT, 0, 10, 10, 8.0),
        Arguments.of(CONSTANT, 0, 10, 999, 8.0),
        // warm-up: (t + 1) / w
        Arguments.of(CONSTANT, 4, 10, 1, 2.0),
        Arguments.of(CONSTANT, 4, 10, 3, 6.0),
        Arguments.of(CONSTANT, 4, 10, 4, 8.0),
        Arguments.of(CONSTANT, 4, 10, 5, 8.0),
        Arguments.of(CONSTANT, 1, 10, 1, 8.0),
        // a warm-up longer than the job never ends
        Arguments.of(CONSTANT, 16, 4, 4, 2.0),
        Arguments.of(COSINE, 16, 4, 9, 2.0),
        Arguments.of(ONE_CYCLE, 4, 4, 4, 8.0),
        // halved every 3 steps, counted after the warm-up
        Arguments.of(STEP, 0, 100, 1, 8.0),
        Arguments.of(STEP, 0, 100, 3, 8.0),
        Arguments.of(STEP, 0, 100, 4, 4.0),
        Arguments.of(STEP, 0, 100, 7, 2.0),
        Arguments.of(STEP, 2, 100, 2, 8.0),
        Arguments.of(STEP, 2, 100, 5, 8.0),
        Arguments.of(STEP, 2, 100, 6, 4.0),
        Arguments.of(STEP, 0, 4, 100, 4.0),
        // (1 + cos(pi i / n)) / 2
        Arguments.of(COSINE, 0, 4, 1, 8.0),
        Arguments.of(COSINE, 0, 4, 2, 6.8284271247461903),
        Arguments.of(COSINE, 0, 4, 3, 4.0),
        Arguments.of(COSINE, 0, 4, 4, 1.1715728752538097),
        Arguments.of(COSINE, 0, 4, 5, 1.1715728752538097),
        Arguments.of(COSINE, 0, 1, 1, 8.0),
        Arguments.of(COSINE, 2, 6, 5, 4.0),
        Arguments.of(COSINE_TO_TENTH, 0, 2, 2, 4.4),
        // from a quarter up to the base in the middle, then down to a hundredth at the last step
        Arguments.of(ONE_CYCLE, 0, 9, 1, 2.0),
        Arguments.of(ONE_CYCLE, 0, 9, 3, 5.0),
        Arguments.of(ONE_CYCLE, 0, 9, 5, 8.0),
        Arguments.of(ONE_CYCLE, 0, 9, 7, 4.04),
        Arguments.of(ONE_CYCLE, 0, 9, 9, 0.08),
        Arguments.of(ONE_CYCLE, 0, 9, 10, 0.08),
        Arguments.of(ONE_CYCLE, 3, 12, 8, 8.0),
        Arguments.of(ONE_CYCLE, 0, 2, 1, 2.0),
        Arguments.of(ONE_CYCLE, 0, 2, 2, 0.08),
        Arguments.of(ONE_CYCLE, 0, 1, 1, 8.0));
  }

  @ParameterizedTest
  @MethodSource("rates")
  void shouldFollowItsSchedule(
      ScheduleSpec schedule, long warmup, long total, long step, double expected) {
    assertThat(new LearningRate(8, schedule, warmup, total).at(step))
        .isCloseTo(expected, within(1e-12));
  }

  @ParameterizedTest
  @MethodSource("rates")
  void shouldStayAboveZeroAndAtMostTheBase(
      ScheduleSpec schedule, long warmup, long total, long step, double expected) {
    LearningRate rate = new LearningRate(0.1, schedule, warmup, total);
    for (long s = 1; s <= total + 3; s++) {
      assertThat(rate.at(s)).isPositive().isLessThanOrEqualTo(0.1 + 1e-15);
    }
  }

  @Test
  void shouldStayAboveZeroWhereAScheduleFallsBelowTheSmallestNumber() {
    LearningRate rate = new LearningRate(0.1, new ScheduleSpec.Step(1, 0.1), 0, 10_000);
    assertThat(rate.at(9_999)).isPositive();
  }

  @Test
  void shouldKeepTheSmallestDistanceAcrossLongJobs() {
    LearningRate rate = new LearningRate(1, COSINE, 0, Long.MAX_VALUE);
    assertThat(rate.at(1)).isEqualTo(1);
    assertThat(rate.at(Long.MAX_VALUE)).isPositive().isLessThan(1e-10);
  }

  @Test
  void shouldRefuseNumbersThatMeanNothing() {
    for (double base : new double[] {0, -1, Double.NaN, Double.POSITIVE_INFINITY}) {
      assertThatThrownBy(() -> new LearningRate(base, CONSTANT, 0, 1))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContainingAll("learning rate is " + base, "above 0");
    }
    assertThatThrownBy(() -> new LearningRate(1, CONSTANT, -1, 1))
        .hasMessageContaining("warm-up of -1 steps");
    assertThatThrownBy(() -> new LearningRate(1, CONSTANT, 0, 0))
        .hasMessageContaining("total of 0");
    assertThatThrownBy(() -> new LearningRate(1, CONSTANT, 0, 1).at(0))
        .hasMessageContaining("step is 0, expected 1 or more");
  }
}
