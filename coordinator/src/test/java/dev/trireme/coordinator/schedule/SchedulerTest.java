package dev.trireme.coordinator.schedule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import dev.trireme.api.job.WorkerCount;
import dev.trireme.coordinator.schedule.Scheduler.AgentSlots;
import dev.trireme.coordinator.schedule.Scheduler.WaitingJob;
import dev.trireme.coordinator.schedule.SchedulingDecision.Form;
import dev.trireme.coordinator.schedule.SchedulingDecision.Placement;
import dev.trireme.coordinator.schedule.SchedulingDecision.Wait;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class SchedulerTest {
  static Stream<Arguments> table() {
    return Stream.of(
        arguments("2", slots(), "wait: needs 2 slots, no agent has joined"),
        arguments("1", slots(0), "wait: needs 1 slot, 0 free"),
        arguments("4", slots(3), "wait: needs 4 slots, 3 free"),
        arguments("4", slots(3, 2), "wait: needs 4 slots on one host, h0 has most with 3 free"),
        arguments("4", slots(4), "a0 x4: 4 slots on host h0"),
        arguments("1:4", slots(3), "a0 x3: 3 slots on host h0 (of 1:4 wanted)"),
        arguments("1:4", slots(9), "a0 x4: 4 slots on host h0"),
        arguments("2:4", slots(1), "wait: needs 2 slots, 1 free"),
        arguments("2", slots(8, 2, 4), "a1 x2: 2 slots on host h1"),
        arguments("1:4", slots(2, 3), "a1 x3: 3 slots on host h1 (of 1:4 wanted)"),
        arguments("2", slots(2, 2), "a0 x2: 2 slots on host h0"));
  }

  @ParameterizedTest
  @MethodSource("table")
  void shouldDecideWithAReason(String workers, List<AgentSlots> agents, String expected) {
    WaitingJob job = new WaitingJob("job-1", WorkerCount.parse(workers));

    assertThat(describe(Scheduler.decide(List.of(job), agents).get(0))).isEqualTo(expected);
  }

  @Test
  void shouldHoldBackThoseBehindAJobThatDoesNotFit() {
    List<WaitingJob> queue = List.of(job(1, "1"), job(2, "4"), job(3, "1"), job(4, "1"));

    assertThat(Scheduler.decide(queue, slots(3)))
        .containsExactly(
            new Form("job-1", List.of(new Placement("a0", List.of(0))), "1 slot on host h0"),
            new Wait("job-2", "needs 4 slots, 2 free"),
            new Wait("job-3", "waits behind job-2"),
            new Wait("job-4", "waits behind job-2"));
  }

  @Property
  void shouldNeverGiveASlotTwice(
      @ForAll("queues") List<WaitingJob> queue, @ForAll("agents") List<AgentSlots> agents) {
    Map<String, Integer> given = new HashMap<>();
    for (SchedulingDecision decision : Scheduler.decide(queue, agents)) {
      if (decision instanceof Form form) {
        form.placements().forEach(p -> given.merge(p.agentId(), p.ranks().size(), Integer::sum));
      }
    }
    for (AgentSlots agent : agents) {
      assertThat(given.getOrDefault(agent.agentId(), 0)).isLessThanOrEqualTo(agent.free());
    }
  }

  @Property
  void shouldFormWhatWasAskedForInOrderOfArrival(
      @ForAll("queues") List<WaitingJob> queue, @ForAll("agents") List<AgentSlots> agents) {
    List<SchedulingDecision> decisions = Scheduler.decide(queue, agents);

    assertThat(decisions)
        .extracting(SchedulingDecision::jobId)
        .isEqualTo(queue.stream().map(WaitingJob::jobId).toList());
    boolean held = false;
    for (int i = 0; i < queue.size(); i++) {
      assertThat(decisions.get(i).reason()).isNotBlank();
      if (decisions.get(i) instanceof Form form) {
        assertThat(held).as("a job has overtaken another").isFalse();
        WorkerCount asked = queue.get(i).workers();
        assertThat(form.worldSize()).isBetween(asked.min(), asked.max());
        List<Integer> ranks = form.placements().stream().flatMap(p -> p.ranks().stream()).toList();
        assertThat(ranks).isEqualTo(IntStream.range(0, form.worldSize()).boxed().toList());
      } else {
        held = true;
      }
    }
  }

  @Property
  void shouldRunTheFirstJobWheneverSomeHostHasRoom(
      @ForAll("queues") List<WaitingJob> queue, @ForAll("agents") List<AgentSlots> agents) {
    if (!queue.isEmpty()) {
      int min = queue.get(0).workers().min();
      boolean fits = agents.stream().anyMatch(a -> a.free() >= min);

      assertThat(Scheduler.decide(queue, agents).get(0) instanceof Form).isEqualTo(fits);
    }
  }

  @Property
  void shouldNotDependOnTheOrderOfAgents(
      @ForAll("queues") List<WaitingJob> queue,
      @ForAll("agents") List<AgentSlots> agents,
      @ForAll long seed) {
    List<AgentSlots> shuffled = new ArrayList<>(agents);
    Collections.shuffle(shuffled, new Random(seed));

    assertThat(Scheduler.decide(queue, shuffled)).isEqualTo(Scheduler.decide(queue, agents));
  }

  @Provide
  Arbitrary<List<WaitingJob>> queues() {
    Arbitrary<WorkerCount> workers =
        Combinators.combine(
                Arbitraries.integers().between(1, 6), Arbitraries.integers().between(0, 4))
            .as((min, more) -> new WorkerCount(min, min + more));
    return workers
        .list()
        .ofMaxSize(8)
        .map(
            all ->
                IntStream.range(0, all.size())
                    .mapToObj(i -> new WaitingJob("job-" + (i + 1), all.get(i)))
                    .toList());
  }

  @Provide
  Arbitrary<List<AgentSlots>> agents() {
    return Arbitraries.integers()
        .between(0, 8)
        .list()
        .ofMaxSize(5)
        .map(free -> slots(free.stream().mapToInt(Integer::intValue).toArray()));
  }

  private static WaitingJob job(int number, String workers) {
    return new WaitingJob("job-" + number, WorkerCount.parse(workers));
  }

  private static List<AgentSlots> slots(int... free) {
    return IntStream.range(0, free.length)
        .mapToObj(i -> new AgentSlots("a" + i, "h" + i, free[i]))
        .toList();
  }

  private static String describe(SchedulingDecision decision) {
    if (decision instanceof Form form) {
      Placement placement = form.placements().get(0);
      return placement.agentId() + " x" + placement.ranks().size() + ": " + form.reason();
    }
    return "wait: " + decision.reason();
  }
}
