package dev.trireme.coordinator.control;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.coordinator.ClusterProbe;
import dev.trireme.coordinator.JobService;
import dev.trireme.coordinator.life.FakeTime;
import dev.trireme.protocol.AgentToCoordinator.ProbeDone;
import dev.trireme.protocol.AgentToCoordinator.ProbeOpened;
import dev.trireme.protocol.CoordinatorToAgent;
import dev.trireme.protocol.CoordinatorToAgent.RunProbe;
import dev.trireme.protocol.Probe;
import dev.trireme.protocol.Probe.Way;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

class ProbingTest {
  private static final Probe.Host HOST = new Probe.Host("17", "1.51", 1L << 30, 4);

  private final FakeTime time = new FakeTime();
  private final Map<String, CoordinatorToAgent> told = new TreeMap<>();
  private final Probing probing = new Probing(time, () -> 99, told::put, () -> 1);

  @Test
  void shouldHaveEachHostMeasureTheWaysToAllOthers() {
    CompletableFuture<ClusterProbe> answer =
        probing.start(Map.of("a", "host-a", "b", "host-b", "c", "host-c"));
    for (String agent : List.of("a", "b", "c")) {
      probing.onOpened(new ProbeOpened(agent, 1, "10.0.0.1:" + agent, HOST, ""));
    }
    assertThat(((RunProbe) told.get("b")).targets())
        .extracting(Probe.Target::agentId)
        .as("the next one first")
        .containsExactly("c", "a");
    Way noTcp = way("c").withTcp(Double.NaN, "no way over TCP");
    probing.onDone(new ProbeDone("a", 1, List.of(way("b"), noTcp)));
    probing.onDone(new ProbeDone("b", 1, List.of(way("c"), Way.failed("a", "no answer"))));
    assertThat(answer).isNotDone();
    probing.onDone(new ProbeDone("c", 1, List.of(way("a"), way("b"))));

    assertThat(answer.join().findings())
        .containsExactly("host-a to host-c: no way over TCP", "host-b to host-a: no answer");
    assertThat(probing.nextDeadline()).isEmpty();
  }

  @Test
  void shouldTellWhoDoesNotAnswer() {
    CompletableFuture<ClusterProbe> answer = probing.start(Map.of("a", "host-a", "b", "host-b"));
    probing.onOpened(new ProbeOpened("a", 1, "10.0.0.1:1", HOST, ""));
    time.pass(probing.nextDeadline().orElseThrow());
    probing.onTime();
    assertThat(((RunProbe) told.get("a")).targets()).isEmpty();
    probing.onDone(new ProbeDone("a", 1, List.of()));

    assertThat(answer.join().findings()).containsExactly("host-b: has not answered in time");
  }

  /** Else who asks would be told that it did not end, and not what it found. */
  @Test
  void shouldEndBeforeThoseWhoAskGiveUp() {
    Map<String, String> hosts = new TreeMap<>();
    for (int i = 0; i < Probe.MAX_HOSTS; i++) {
      hosts.put("agent-" + i, "host-" + i);
    }
    CompletableFuture<ClusterProbe> answer = probing.start(hosts);
    hosts.keySet().stream()
        .skip(1)
        .forEach(a -> probing.onOpened(new ProbeOpened(a, 1, "10.0.0.1:1", HOST, "")));
    Duration taken = Duration.ZERO;
    while (!answer.isDone()) {
      Duration more = probing.nextDeadline().orElseThrow();
      taken = taken.plus(more);
      time.pass(more);
      probing.onTime();
    }

    assertThat(answer.join().findings()).hasSize(Probe.MAX_HOSTS);
    assertThat(taken)
        .isGreaterThan(Duration.ofSeconds(60))
        .isLessThan(Duration.ofSeconds(JobService.PROBE_SECONDS - JobService.TIMEOUT_SECONDS));
  }

  @Test
  void shouldFindWhatDiffersAndWhatIsShort() {
    ClusterProbe probe =
        new ClusterProbe(
            List.of(
                host("a", new Probe.Host("17", "1.51", 64L << 20, 4), way("b")),
                host(
                    "b",
                    new Probe.Host("21", "1.51", 1L << 30, 4),
                    new Way("a", 50, 1e8, 2_000_000, 0.5, "", 1e9, ""))));

    assertThat(probe.findings())
        .hasSize(3)
        .anySatisfy(f -> assertThat(f).startsWith("host-a: 64 MiB free"))
        .anySatisfy(f -> assertThat(f).startsWith("host-b to host-a: clocks differ by 2000 ms"))
        .anySatisfy(f -> assertThat(f).isEqualTo("hosts run different versions of Java: 17, 21"));
  }

  private static ClusterProbe.Host host(String agent, Probe.Host has, Way way) {
    return new ClusterProbe.Host(
        agent, "host-" + agent, java.util.Optional.of(has), List.of(way), "");
  }

  private static Way way(String to) {
    return new Way(to, 50, 1e9, 0, 0, "", 1e9, "");
  }
}
