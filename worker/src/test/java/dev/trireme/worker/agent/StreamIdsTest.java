package dev.trireme.worker.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.HashSet;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

class StreamIdsTest {
  @Test
  void shouldNeverAllotAnIdTwice() {
    StreamIds ids = new StreamIds();
    Random random = new Random(1);
    Set<Integer> allotted = new HashSet<>();
    for (int formation = 0; formation < 1000; formation++) {
      int count = 1 + random.nextInt(60);
      int first = ids.allot(count);
      for (int id = first; id < first + count; id++) {
        assertThat(allotted.add(id)).as("stream %s of formation %s", id, formation).isTrue();
      }
    }
  }

  @Test
  void shouldSaySoWhenThereAreNoMore() {
    StreamIds ids = new StreamIds();
    int first = ids.allot(1);
    assertThat(ids.allot(Integer.MAX_VALUE - first - 1)).isEqualTo(first + 1);
    assertThatThrownBy(() -> ids.allot(1))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("restart this agent");
    assertThatThrownBy(() -> new StreamIds().allot(0)).isInstanceOf(IllegalStateException.class);
  }
}
