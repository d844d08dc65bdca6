package dev.trireme.coordinator.life;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.protocol.JobState;
import java.util.EnumMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

/**
 * Thousands of random lives of a job, each made by its seed alone; {@code -Dtrireme.simulations=N}
 * lives more of them, {@code -Dtrireme.simulation=SEED} one again.
 */
class RecoverySimulationTest {
  private static final int HISTORIES = Integer.getInteger("trireme.simulations", 3000);

  @Test
  void shouldHoldItsPromisesWhateverHappens() {
    Long one = Long.getLong("trireme.simulation");
    Map<JobState, Integer> ends = new EnumMap<>(JobState.class);
    long first = one == null ? 0 : one;
    for (long seed = first; seed < (one == null ? HISTORIES : first + 1); seed++) {
      World world = new World(seed);
      try {
        world.live();
      } catch (RuntimeException | AssertionError e) {
        throw new AssertionError("with seed " + seed + ": " + e.getMessage(), e);
      }
      ends.merge(world.state(), 1, Integer::sum);
    }
    if (one == null) {
      assertThat(ends).as("histories of every kind").containsKeys(JobState.SUCCEEDED);
      assertThat(ends.get(JobState.SUCCEEDED)).isGreaterThan(HISTORIES / 10);
      assertThat(ends).containsKeys(JobState.FAILED);
    }
  }
}
