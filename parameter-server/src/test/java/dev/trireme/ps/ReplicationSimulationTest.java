package dev.trireme.ps;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.api.job.ConsistencySpec;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Thousands of random histories: messages late, repeated and out of order, servers and workers
 * killed at any moment. Gradients are integers, so that what the shards hold at the end must be the
 * exact sum of every worker's every step, once each.
 */
class ReplicationSimulationTest {
  private static final int STEPS = 12;

  private static ConsistencySpec consistency(String text) {
    return switch (text.charAt(0)) {
      case 'b' -> new ConsistencySpec.Bsp(text.charAt(1) - '0');
      case 's' -> new ConsistencySpec.Ssp(text.charAt(1) - '0');
      default -> new ConsistencySpec.Asp();
    };
  }

  @ParameterizedTest
  @ValueSource(strings = {"b0", "s0", "s2", "a"})
  void shouldAddUpExactlyUnderKills(String which) {
    int kills = 0;
    int handOvers = 0;
    int scaled = 0;
    long rests = 0;
    for (long seed = 0; seed < Long.getLong("trireme.ps.histories", 500); seed++) {
      Random random = new Random(seed * 31 + which.hashCode());
      int workers = 1 + random.nextInt(3);
      int servers = 2 + random.nextInt(2);
      try (SimulatedCluster cluster =
          new SimulatedCluster(consistency(which), workers, servers, 1, STEPS, random, 0.004)) {
        cluster.run("seed " + seed + " of " + which);
        cluster.checkSums("seed " + seed + " of " + which);
        cluster.checkBackups("seed " + seed + " of " + which);
        kills += cluster.kills();
        handOvers += cluster.handOvers();
        scaled += cluster.scaled();
        rests += cluster.rests();
      }
    }
    if (which.equals("a") || which.equals("s2")) {
      assertThat(rests).as("steps in which a worker had no part").isGreaterThan(100);
    }
    assertThat(kills).as("kills in all histories").isGreaterThan(100);
    assertThat(scaled).as("servers that joined or left").isGreaterThan(50);
    assertThat(handOvers).as("shards that changed their server under load").isGreaterThan(100);
  }

  @ParameterizedTest
  @ValueSource(strings = {"b0", "s1", "a"})
  void shouldAddUpExactlyWithoutBackupsWhileOnlyWorkersDie(String which) {
    int handOvers = 0;
    for (long seed = 0; seed < 200; seed++) {
      Random random = new Random(seed * 37 + which.hashCode());
      try (SimulatedCluster cluster =
          new SimulatedCluster(consistency(which), 3, 2, 0, STEPS, random, 0.004)) {
        cluster.run("seed " + seed + " of " + which);
        cluster.checkSums("seed " + seed + " of " + which);
        handOvers += cluster.handOvers();
      }
    }
    assertThat(handOvers).as("shards that went to a server that had joined").isGreaterThan(20);
  }

  /** Servers join and leave one that was alone, so that steps go now one way and now the other. */
  @Test
  void shouldAddUpExactlyInWholeSteps() {
    int kills = 0;
    long wholeSteps = 0;
    for (long seed = 0; seed < 300; seed++) {
      Random random = new Random(seed * 41);
      int workers = 1 + random.nextInt(3);
      try (SimulatedCluster cluster =
          new SimulatedCluster(consistency("b0"), workers, 1, 0, STEPS, random, 0.01)) {
        cluster.run("seed " + seed);
        cluster.checkSums("seed " + seed);
        kills += cluster.kills();
        wholeSteps += cluster.wholeSteps();
      }
    }
    assertThat(kills).as("kills in all histories").isGreaterThan(100);
    assertThat(wholeSteps).as("steps in one message there and back").isGreaterThan(1000);
  }

  @Property(tries = 200)
  void shouldKeepCopiesAlikeWhenTheSlowestAreLeftOut(
      @ForAll long seed, @ForAll @IntRange(min = 2, max = 4) int workers) {
    try (SimulatedCluster cluster =
        new SimulatedCluster(
            new ConsistencySpec.Bsp(1), workers, 3, 1, STEPS, new Random(seed), 0.003)) {
      cluster.run("seed " + seed);
      cluster.checkBackups("seed " + seed);
    }
  }

  @Property(tries = 200)
  void shouldNeverReadOlderThanTheBound(
      @ForAll long seed, @ForAll @IntRange(min = 0, max = 4) int bound) {
    try (SimulatedCluster cluster =
        new SimulatedCluster(
            new ConsistencySpec.Ssp(bound), 3, 2, 1, STEPS, new Random(seed), 0.002)) {
      cluster.run("seed " + seed);
      assertThat(cluster.staleness().largest()).isLessThanOrEqualTo(bound);
    }
  }
}
