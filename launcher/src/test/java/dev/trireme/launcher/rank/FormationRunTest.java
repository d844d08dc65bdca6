package dev.trireme.launcher.rank;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class FormationRunTest {
  @Test
  void shouldCountTheEpochsOfAnyNumberOfSteps() {
    assertThat(FormationRun.epochs(1, 10)).isEqualTo(1);
    assertThat(FormationRun.epochs(20, 10)).isEqualTo(2);
    assertThat(FormationRun.epochs(21, 10)).isEqualTo(3);
    assertThat(FormationRun.epochs(10_000_000_000L, 3)).isEqualTo(Integer.MAX_VALUE);
    assertThat(FormationRun.epochs(Long.MAX_VALUE, 1)).isEqualTo(Integer.MAX_VALUE);
  }
}
