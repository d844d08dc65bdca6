package dev.trireme.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Random;
import org.junit.jupiter.api.Test;

class LossScaleTest {
  private static LossScale afterGood(LossScale scale, long steps) {
    LossScale now = scale;
    for (long i = 0; i < steps; i++) {
      now = now.after(true);
    }
    return now;
  }

  @Test
  void shouldDoubleAfterAStreakOfGoodStepsAndBeginAnew() {
    LossScale almost = afterGood(LossScale.INITIAL, LossScale.GROWTH_STEPS - 1);
    assertThat(almost.scale()).isEqualTo(65536);
    assertThat(almost.after(true)).isEqualTo(new LossScale(131072, 0));
  }

  @Test
  void shouldHalveAtOnceAndForgetTheStreak() {
    LossScale almost = afterGood(LossScale.INITIAL, LossScale.GROWTH_STEPS - 1);
    assertThat(almost.after(false)).isEqualTo(new LossScale(32768, 0));
  }

  @Test
  void shouldStayWithinItsBounds() {
    LossScale largest = new LossScale(LossScale.LARGEST, LossScale.GROWTH_STEPS - 1);
    assertThat(largest.after(true)).isEqualTo(new LossScale(LossScale.LARGEST, 0));
    LossScale smallest = new LossScale(LossScale.SMALLEST, 5);
    assertThat(smallest.isSmallest()).isTrue();
    assertThat(smallest.after(false)).isEqualTo(new LossScale(LossScale.SMALLEST, 0));
  }

  /** In any history: a power of two within bounds, and never more than a factor of two a step. */
  @Test
  void shouldStayAPowerOfTwoInAnyHistory() {
    for (long seed = 0; seed < 50; seed++) {
      Random random = new Random(seed);
      double bad = Math.pow(10, -4 * random.nextDouble());
      LossScale scale = LossScale.INITIAL;
      long streak = 0;
      for (int step = 0; step < 20_000; step++) {
        boolean finite = random.nextDouble() >= bad;
        LossScale next = scale.after(finite);
        double factor = next.scale() / scale.scale();
        assertThat(factor).isIn(0.5, 1.0, 2.0);
        assertThat(factor == 0.5).isEqualTo(!finite && !scale.isSmallest());
        streak = finite ? streak + 1 : 0;
        assertThat(next.goodSteps()).isEqualTo(streak % LossScale.GROWTH_STEPS);
        scale = next;
      }
    }
  }

  /** What a rank does is a function of the history alone: a resumed rank goes on as the others. */
  @Test
  void shouldGoOnFromItsParts() {
    LossScale scale = afterGood(LossScale.INITIAL, 1500).after(false).after(true);
    LossScale resumed = new LossScale(scale.scale(), scale.goodSteps());
    assertThat(afterGood(resumed, 3000).after(false))
        .isEqualTo(afterGood(scale, 3000).after(false));
  }

  @Test
  void shouldRefuseWhatNoHistoryLeadsTo() {
    assertThatThrownBy(() -> new LossScale(3, 0)).hasMessageContaining("power of two");
    assertThatThrownBy(() -> new LossScale(0, 0)).hasMessageContaining("power of two");
    assertThatThrownBy(() -> new LossScale(Double.NaN, 0)).hasMessageContaining("NaN");
    assertThatThrownBy(() -> new LossScale(1, -1)).hasMessageContaining("good steps");
  }
}
