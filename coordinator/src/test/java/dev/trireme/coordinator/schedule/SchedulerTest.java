package dev.trireme.coordinator.schedule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import dev.trireme.api.job.WorkerCount;
import dev.trireme.coordinator.schedule.Scheduler.AgentSlots;
import dev.trireme.coordinator.schedule.Scheduler.WaitingJob;
import dev.trireme.coordinator.schedule.SchedulingDecision.Form;
import dev.trireme.coordinator.schedule.SchedulingDecision.Placement;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class SchedulerTest {
  static Stream<Arguments> table() {
    return Stream.of(
        arguments("2", slots(), "wait: needs 2 slots, no agent has joined"),
        arguments("1", slots(0), "wait: needs 1 slot, the one host has 0"),
        arguments("4", slots(3), "wait: needs 4 slots, the one host has 3"),
        arguments("4", slots(1, 2), "wait: needs 4 slots, the hosts together have 3"),
        arguments("4", slots(3, 2), "a0 x3, a1 x1: 4 slots on hosts h0 (3), h1 (1)"),
        arguments("5", slots(1, 3, 2), "a1 x3, a2 x2: 5 slots on hosts h1 (3), h2 (2)"),
        arguments("4", slots(4), "a0 x4: 4 slots on host h0"),
        arguments("1:4", slots(3), "a0 x3: 3 slots on host h0 (of 1:4 wanted)"),
        arguments("1:4", slots(9), "a0 x4: 4 slots on host h0"),
        arguments("2:4", slots(1), "wait: needs 2 slots, the one host has 1"),
        arguments("2", slots(8, 2, 4), "a1 x2: 2 slots on host h1"),
        arguments("1:4", slots(2, 3), "a1 x3, a0 x1: 4 slots on hosts h1 (3), h0 (1)"),
        arguments("2", slots(2, 2), "a0 x2: 2 slots on host h0"));
  }

  @ParameterizedTest
  @MethodSource("table")
  void shouldDecideWithAReason(String workers, List<AgentSlots> agents, String expected) {
    WaitingJob job = new WaitingJob("job-1", WorkerCount.parse(workers));

    assertThat(describe(Scheduler.decide(List.of(job), agents).get(0))).isEqualTo(expected);
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
  void shouldRunTheFirstJobWheneverThereIsRoom(
      @ForAll("queues") List<WaitingJob> queue, @ForAll("agents") List<AgentSlots> agents) {
    if (!queue.isEmpty()) {
      int min = queue.get(0).workers().min();
      boolean fits = agents.stream().mapToInt(AgentSlots::free).sum() >= min;

      assertThat(Scheduler.decide(queue, agents).get(0) instanceof Form).isEqualTo(fits);
    }
  }

  @Property
  void shouldDecideForEachJobInTheOrderOfTheQueue(
      @ForAll("queues") List<WaitingJob> queue, @ForAll("agents") List<AgentSlots> agents) {
    List<SchedulingDecision> decisions = Scheduler.decide(queue, agents);

    assertThat(decisions)
        .extracting(SchedulingDecision::jobId)
        .isEqualTo(queue.stream().map(WaitingJob::jobId).toList());
    for (int i = 0; i < queue.size(); i++) {
      assertThat(decisions.get(i).reason()).isNotBlank();
      if (decisions.get(i) instanceof Form form) {
        WorkerCount asked = queue.get(i).workers();
        assertThat(form.worldSize()).isBetween(asked.min(), asked.max());
        List<Integer> ranks = form.placements().stream().flatMap(p -> p.ranks().stream()).toList();
        assertThat(ranks).isEqualTo(IntStream.range(0, form.worldSize()).boxed().toList());
      }
    }
  }

  @Property
  void shouldLeaveTheRoomThatTheHeadIsClosestTo(
      @ForAll("queues") List<WaitingJob> queue, @ForAll("agents") List<AgentSlots> agents) {
    List<SchedulingDecision> decisions = Scheduler.decide(queue, agents);
    int all = agents.stream().mapToInt(AgentSlots::total).sum();
    OptionalInt head =
        IntStream.range(0, queue.size())
            .filter(i -> decisions.get(i) instanceof SchedulingDecision.Wait)
            .filter(i -> queue.get(i).workers().min() <= all)
            .findFirst();
    if (head.isPresent()) {
      List<SchedulingDecision> behind = decisions.subList(head.getAsInt(), decisions.size());
      List<String> used =
          behind.stream()
              .filter(Form.class::isInstance)
              .flatMap(d -> ((Form) d).placements().stream())
              .map(Placement::agentId)
              .toList();
      int left =
          agents.stream()
              .filter(a -> !used.contains(a.agentId()))
              .mapToInt(AgentSlots::total)
              .sum();

      assertThat(left)
          .as("slots of agents that nobody behind the head was given")
          .isGreaterThanOrEqualTo(queue.get(head.getAsInt()).workers().min());
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
    return Combinators.combine(
            Arbitraries.integers().between(0, 8), Arbitraries.integers().between(0, 4))
        .as((free, taken) -> List.of(free, free + taken))
        .list()
        .ofMaxSize(5)
        .map(
            all ->
                IntStream.range(0, all.size())
                    .mapToObj(
                        i -> new AgentSlots("a" + i, "h" + i, all.get(i).get(0), all.get(i).get(1)))
                    .toList());
  }

  private static List<AgentSlots> slots(int... free) {
    return IntStream.range(0, free.length)
        .mapToObj(i -> new AgentSlots("a" + i, "h" + i, free[i]))
        .toList();
  }

  private static String describe(SchedulingDecision decision) {
    if (decision instanceof Form form) {
      return form.placements().stream()
              .map(p -> p.agentId() + " x" + p.ranks().size())
              .collect(Collectors.joining(", "))
          + ": "
          + form.reason();
    }
    return "wait: " + decision.reason();
  }
}
