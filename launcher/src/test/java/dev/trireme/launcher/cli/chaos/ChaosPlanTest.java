package dev.trireme.launcher.cli.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.protocol.HarmKind;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class ChaosPlanTest {
  private static final Duration MINUTE = Duration.ofMinutes(1);

  private static ChaosPlan plan(long seed) {
    return new ChaosPlan(
        seed, Optional.of(MINUTE), OptionalInt.empty(), List.of(HarmKind.values()));
  }

  @Test
  void shouldDoTheSameForTheSameSeedAndAnotherThingForAnother() {
    for (int i = 0; i < 20; i++) {
      assertThat(plan(7).wait(i)).isEqualTo(plan(7).wait(i));
      assertThat(plan(7).rank(i, 4)).isEqualTo(plan(7).rank(i, 4));
      assertThat(plan(7).kind(i)).isEqualTo(plan(7).kind(i));
    }
    assertThat(IntStream.range(0, 20).filter(i -> !plan(7).wait(i).equals(plan(8).wait(i))))
        .isNotEmpty();
  }

  @Test
  void shouldWaitTheGivenTimeInTheMeanAndHitEveryRankInEveryWay() {
    double mean =
        IntStream.range(0, 1000).mapToLong(i -> plan(1).wait(i).toMillis()).average().orElseThrow();
    assertThat(mean).isBetween(57_000.0, 63_000.0);
    assertThat(IntStream.range(0, 1000).map(i -> plan(1).rank(i, 3)).boxed().toList())
        .containsOnly(0, 1, 2)
        .contains(0, 1, 2);
    assertThat(IntStream.range(0, 1000).mapToObj(plan(1)::kind).toList())
        .contains(HarmKind.values());
  }

  @Test
  void shouldTakeTheRankThatIsNamedAndNotWaitForASingleHarm() {
    ChaosPlan one = new ChaosPlan(1, Optional.empty(), OptionalInt.of(2), List.of(HarmKind.SLOW));
    assertThat(one.wait(0)).isZero();
    assertThat(one.rank(0, 4)).isEqualTo(2);
    assertThat(one.kind(0)).isEqualTo(HarmKind.SLOW);
  }
}
