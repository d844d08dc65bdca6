package dev.trireme.coordinator.schedule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import dev.trireme.api.job.ParallelSpec.DeviceKind;
import dev.trireme.api.job.QueueSpec.Placing;
import dev.trireme.api.job.WorkerCount;
import dev.trireme.coordinator.schedule.Scheduler.Situation;
import dev.trireme.coordinator.schedule.SchedulingDecision.Form;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.LongRange;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Where a job goes that finds nobody before it, in words. */
class SchedulerTest {
  private static final boolean ANYWHERE = true;
  private static final boolean ONE_HOST = false;

  static Stream<Arguments> table() {
    return Stream.of(
        arguments("2", ANYWHERE, slots(), "wait: needs 2 slots, no agent has joined"),
        arguments("1", ANYWHERE, slots(0), "wait: needs 1 slot, the one host has 0"),
        arguments("4", ANYWHERE, slots(3), "wait: needs 4 slots, the one host has 3"),
        arguments("4", ONE_HOST, slots(3, 2), "wait: needs 4 slots on one host, the largest has 3"),
        arguments("6", ANYWHERE, slots(3, 2), "wait: needs 6 slots, the cluster has 5"),
        arguments("4", ANYWHERE, slots(4), "a0 x4: 4 slots on host h0"),
        arguments("4", ANYWHERE, slots(3, 2), "a0 x3, a1 x1: 4 slots on 2 hosts: h0, h1"),
        arguments("1:4", ONE_HOST, slots(3), "a0 x3: 3 slots on host h0 (of 1:4 wanted)"),
        arguments("1:4", ANYWHERE, slots(9), "a0 x4: 4 slots on host h0"),
        arguments("2:4", ANYWHERE, slots(1), "wait: needs 2 slots, the one host has 1"),
        arguments("2", ANYWHERE, slots(8, 2, 4), "a1 x2: 2 slots on host h1"),
        arguments("1:4", ONE_HOST, slots(2, 3), "a1 x3: 3 slots on host h1 (of 1:4 wanted)"),
        arguments("2", ANYWHERE, slots(2, 2), "a0 x2: 2 slots on host h0"));
  }

  @ParameterizedTest
  @MethodSource("table")
  void shouldDecideWithAReason(
      String workers, boolean spans, List<AgentRoom> agents, String expected) {
    assertThat(decide(workers, Need.SLOT, spans, agents)).isEqualTo(expected);
  }

  static Stream<Arguments> needs() {
    return Stream.of(
        arguments("2", need(DeviceKind.CUDA, 0, 0), "b x2: 2 cuda slots on host hb"),
        arguments("4", need(DeviceKind.CUDA, 0, 0), "wait: needs 4 cuda slots, the cluster has 2"),
        arguments("1", need(DeviceKind.CPU, 4, 0), "a x1: 1 slot with 4 cores on host ha"),
        arguments(
            "4",
            need(DeviceKind.CPU, 3, 0),
            "a x2, b x2: 4 slots with 3 cores each on 2 hosts: ha, hb"),
        arguments(
            "5",
            need(DeviceKind.CPU, 3, 0),
            "wait: needs 5 slots with 3 cores each, the cluster has room for 4"),
        arguments(
            "1",
            need(DeviceKind.CPU, 0, 12L << 30),
            "wait: needs 1 slot with 12g of memory, the cluster has room for 0"),
        arguments(
            "2",
            need(DeviceKind.CPU, 0, 4L << 30),
            "a x2: 2 slots with 4g of memory each on host ha"),
        arguments("2", need(DeviceKind.AUTO, 0, 0), "b x2: 2 cuda slots on host hb"),
        arguments("3", need(DeviceKind.AUTO, 0, 0), "a x3: 3 slots on host ha"));
  }

  /** Two hosts of 4 slots, 8 cores and 8 GiB, one of them with two CUDA devices. */
  @ParameterizedTest
  @MethodSource("needs")
  void shouldGiveRanksWhatTheyNeed(String workers, Need need, String expected) {
    List<AgentRoom> agents =
        List.of(
            new AgentRoom("a", "ha", 4, 4, 0, 0, 8, 8L << 30, 0),
            new AgentRoom("b", "hb", 4, 4, 2, 2, 8, 8L << 30, 80L << 30));

    assertThat(decide(workers, need, ANYWHERE, agents)).isEqualTo(expected);
  }

  @Property(tries = 200)
  void shouldNotDependOnTheOrderOfAgents(@ForAll @LongRange(min = 0) long seed) {
    Random random = new Random(seed);
    SimCluster cluster = SimCluster.random(random);
    for (int i = 1; i <= 20; i++) {
      cluster.jobs.put(i, SimCluster.randomJob(i, random));
    }
    for (int i = 0; i < 3; i++) {
      Situation now = cluster.situation();
      List<AgentRoom> shuffled = new ArrayList<>(now.agents());
      Collections.shuffle(shuffled, random);

      assertThat(Scheduler.decide(new Situation(now.queue(), now.running(), shuffled, 0)))
          .isEqualTo(Scheduler.decide(now));
      cluster.apply(Scheduler.decide(now));
      cluster.live();
    }
  }

  private static Need need(DeviceKind device, int cores, long memory) {
    return new Need(device, cores, memory, 0);
  }

  private static List<AgentRoom> slots(int... free) {
    return IntStream.range(0, free.length)
        .mapToObj(i -> new AgentRoom("a" + i, "h" + i, free[i], free[i]))
        .toList();
  }

  private static String decide(String workers, Need need, boolean spans, List<AgentRoom> agents) {
    WaitingJob job =
        new WaitingJob("job-1", WorkerCount.parse(workers), need, 0, "ann", Placing.PACK, spans, 0);
    SchedulingDecision decision =
        Scheduler.decide(new Situation(List.of(job), List.of(), agents, 0)).decisions().get(0);
    if (decision instanceof Form form) {
      return form.placements().stream()
              .map(placement -> placement.agentId() + " x" + placement.ranks().size())
              .collect(Collectors.joining(", "))
          + ": "
          + form.reason();
    }
    return "wait: " + decision.reason();
  }
}
