package dev.trireme.coordinator.life;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.api.train.Progress;
import dev.trireme.coordinator.life.Agreement.Agreed;
import dev.trireme.coordinator.life.Agreement.Differ;
import dev.trireme.protocol.RankReport.Finished;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class AgreementTest {
  @Test
  void shouldAgreeWhenAllHashesAreOne() {
    assertThat(rule("x")).isEqualTo(new Agreed("x"));
    assertThat(rule("x", "x", "x")).isEqualTo(new Agreed("x"));
  }

  @Test
  void shouldNameTheMinority() {
    assertThat(rule("y", "x", "x", "z", "x"))
        .isInstanceOfSatisfying(
            Differ.class,
            differ -> {
              assertThat(differ.odd()).containsExactly(0, 3);
              assertThat(differ.reason())
                  .contains("ranks [0] ended with y", "ranks [1, 2, 4] ended with x", "[0, 3]");
            });
  }

  @Test
  void shouldSideWithTheLowestRankWhenHalvesDiffer() {
    assertThat(rule("x", "y", "y", "x"))
        .isInstanceOfSatisfying(
            Differ.class, differ -> assertThat(differ.odd()).containsExactly(1, 2));
  }

  private static Agreement.Ruling rule(String... hashes) {
    List<Finished> finished =
        Arrays.stream(hashes)
            .map(hash -> new Finished(Progress.START, 0, false, Map.of(), hash, 0))
            .toList();
    return Agreement.rule(finished);
  }
}
