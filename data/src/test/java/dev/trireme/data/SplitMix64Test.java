package dev.trireme.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class SplitMix64Test {
  @Property
  void shouldStayBelowTheBound(
      @ForAll long seed,
      @ForAll long stream,
      @ForAll @IntRange(min = 1, max = Integer.MAX_VALUE) int bound) {
    SplitMix64 random = new SplitMix64(seed, stream);
    for (int i = 0; i < 10; i++) {
      assertThat(random.nextInt(bound)).isBetween(0, bound - 1);
      assertThat(random.nextDouble()).isGreaterThanOrEqualTo(0).isLessThan(1);
      assertThat(random.uniform(-3, 7)).isGreaterThanOrEqualTo(-3).isLessThan(7);
      assertThat(random.gaussian()).isBetween(-3.5, 3.5);
    }
  }

  @Test
  void shouldDrawEachNumberEquallyOften() {
    SplitMix64 random = new SplitMix64(1, 2);
    int[] counts = new int[7];
    for (int i = 0; i < 70_000; i++) {
      counts[random.nextInt(7)]++;
    }
    for (int count : counts) {
      // 10,000 are due; the deviation is 93.
      assertThat(count).isBetween(9_500, 10_500);
    }
  }

  @Test
  void shouldHaveTheMomentsOfANormalDistribution() {
    SplitMix64 random = new SplitMix64(3, 4);
    int draws = 100_000;
    double sum = 0;
    double squares = 0;
    for (int i = 0; i < draws; i++) {
      double value = random.gaussian();
      sum += value;
      squares += value * value;
    }
    assertThat(sum / draws).isCloseTo(0, within(0.02));
    assertThat(squares / draws).isCloseTo(1, within(0.03));
  }

  @Test
  void shouldGiveEachSeedAndStreamItsOwnNumbers() {
    long first = new SplitMix64(1, 0).nextLong();
    assertThat(new SplitMix64(1, 0).nextLong()).isEqualTo(first);
    assertThat(new SplitMix64(1, 1).nextLong()).isNotEqualTo(first);
    assertThat(new SplitMix64(2, 0).nextLong()).isNotEqualTo(first);
    assertThat(new SplitMix64(0, 1).nextLong()).isNotEqualTo(first);
  }
}
