package dev.trireme.allreduce.process;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class RankProcessesTest {
  private static final Duration LONG = Duration.ofSeconds(60);

  @ParameterizedTest(name = "{0} ranks")
  @ValueSource(ints = {1, 2, 3, 4})
  void shouldEndWithTheSameBitsInAllProcessesAndLeaveNothingBehind(int worldSize) {
    try (Host host = new Host()) {
      List<RankProcess> ranks = host.start(RankMain.Scenario.MATRIX, worldSize, LONG);
      List<String> bits = ranks.stream().map(rank -> rank.await("BITS")).toList();
      assertThat(bits).containsOnly(bits.get(0));
      for (RankProcess rank : ranks) {
        rank.await("DONE");
        assertThat(rank.exitCode(30, TimeUnit.SECONDS)).isZero();
      }
      assertThat(host.sharedFiles()).isEmpty();
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = RankMain.Scenario.class,
      names = {"LOOP", "LOOP_LARGE"})
  void shouldNameTheRankWhoseProcessWasKilled(RankMain.Scenario scenario) {
    try (Host host = new Host()) {
      List<RankProcess> ranks = host.start(scenario, 3, LONG);
      ranks.forEach(rank -> rank.await("RUNNING"));
      ranks.get(1).kill();
      for (int rank : new int[] {0, 2}) {
        assertThat(ranks.get(rank).await("FAILED"))
            .startsWith("PEER_LOST 1 ")
            .contains("generation 7", "rank 1", "operation", "all-reduce");
        assertThat(ranks.get(rank).exitCode(30, TimeUnit.SECONDS)).isEqualTo(3);
      }
      assertThat(host.sharedFiles()).isEmpty();
    }
  }

  @Test
  void shouldNameTheRankThatWasStoppedOnceTheDeadlineHasPassed() {
    try (Host host = new Host()) {
      List<RankProcess> ranks = host.start(RankMain.Scenario.LOOP, 3, Duration.ofSeconds(5));
      ranks.forEach(rank -> rank.await("RUNNING"));
      ranks.get(2).signal("STOP");
      for (int rank : new int[] {0, 1}) {
        assertThat(ranks.get(rank).await("FAILED"))
            .startsWith("DEADLINE 2 ")
            .contains("rank 2 was last heard of");
      }
      ranks.get(2).signal("CONT");
      assertThat(ranks.get(2).await("FAILED")).isNotEmpty();
    }
  }
}
