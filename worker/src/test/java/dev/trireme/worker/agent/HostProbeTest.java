package dev.trireme.worker.agent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.protocol.Probe.Target;
import dev.trireme.protocol.Probe.Way;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class HostProbeTest {
  @Test
  void shouldMeasureTheWayToAnotherHost() throws Exception {
    try (HostProbe here = new HostProbe("127.0.0.1", 7);
        HostProbe there = new HostProbe("127.0.0.1", 7)) {
      Way way = wayFrom(here, there);
      assertThat(way.failure()).isEmpty();
      assertThat(way.to()).isEqualTo("b");
      assertThat(way.roundTripMicros()).isPositive();
      assertThat(way.bytesPerSecond()).isPositive();
      assertThat(way.lost()).isBetween(0.0, 1.0);
      assertThat(Math.abs(way.clockAheadMicros())).as("one clock").isLessThan(1_000_000);
    }
  }

  @Test
  void shouldAnswerNobodyWhoDoesNotKnowTheSecret() throws Exception {
    try (HostProbe here = new HostProbe("127.0.0.1", 7);
        HostProbe there = new HostProbe("127.0.0.1", 8)) {
      Way way = wayFrom(here, there);
      assertThat(way.failure()).contains("no answer").contains(there.address());
      assertThat(way.roundTripMicros()).isNaN();
    }
  }

  private static Way wayFrom(HostProbe here, HostProbe there) throws Exception {
    CompletableFuture<List<Way>> ways = new CompletableFuture<>();
    here.run(List.of(new Target("b", there.address())), ways::complete);
    return ways.get(30, TimeUnit.SECONDS).get(0);
  }
}
