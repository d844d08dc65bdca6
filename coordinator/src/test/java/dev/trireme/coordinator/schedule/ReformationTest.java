package dev.trireme.coordinator.schedule;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.api.job.WorkerCount;
import dev.trireme.coordinator.schedule.Reformation.Situation;
import dev.trireme.coordinator.schedule.Reformation.Survivor;
import dev.trireme.coordinator.schedule.Scheduler.AgentSlots;
import dev.trireme.coordinator.schedule.SchedulingDecision.Form;
import dev.trireme.coordinator.schedule.SchedulingDecision.Placement;
import dev.trireme.coordinator.schedule.SchedulingDecision.Wait;
import dev.trireme.protocol.StateSource;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

class ReformationTest {
  private static final AgentSlots ONE_FREE = new AgentSlots("a", "host-a", 1);
  private static final AgentSlots FULL = new AgentSlots("a", "host-a", 0);

  private static Survivor sound(int rank, long step) {
    return new Survivor(rank, "a", 100 + rank, step, true);
  }

  private static SchedulingDecision decide(
      WorkerCount workers, List<Survivor> survivors, AgentSlots... agents) {
    return Reformation.decide(
        new Situation(
            "job-1", workers, workers.max(), survivors, List.of(agents), Set.of(), true, Map.of()));
  }

  @Test
  void shouldReplaceTheDeadAndGoOnFromTheHighestStep() {
    Form form = (Form) decide(new WorkerCount(3, 3), List.of(sound(0, 7), sound(2, 8)), ONE_FREE);
    assertThat(form.placements()).containsExactly(new Placement("a", List.of(0, 1, 2)));
    assertThat(form.survivors()).containsOnly(Map.entry(0, 100L), Map.entry(2, 102L));
    assertThat(form.source()).isEqualTo(StateSource.rank(2));
    assertThat(form.reason())
        .isEqualTo("3 ranks, 2 of them survivors, 1 new; state of step 8 from rank 2");
  }

  @Test
  void shouldTakeTheLowestRankOfThoseThatCameAsFar() {
    Form form = (Form) decide(new WorkerCount(3, 3), List.of(sound(2, 8), sound(1, 8)), ONE_FREE);
    assertThat(form.source()).isEqualTo(StateSource.rank(1));
  }

  @Test
  void shouldNeverTakeStateFromARankThatIsNotSound() {
    Survivor torn = new Survivor(0, "a", 100, 9, false);
    Form form = (Form) decide(new WorkerCount(2, 2), List.of(torn, sound(1, 8)), ONE_FREE);
    assertThat(form.source()).isEqualTo(StateSource.rank(1));
    assertThat(form.survivors()).hasSize(2);
  }

  @Test
  void shouldFallBackToACheckpointWhenNobodyHoldsTheState() {
    Survivor torn = new Survivor(0, "a", 100, 9, false);
    Form form = (Form) decide(new WorkerCount(2, 2), List.of(torn), ONE_FREE);
    assertThat(form.source()).isEqualTo(StateSource.CHECKPOINT);
    assertThat(form.reason()).contains("no survivor holds the state");
  }

  @Test
  void shouldShrinkAtOnceAndKeepTheOrder() {
    Form form = (Form) decide(new WorkerCount(1, 3), List.of(sound(1, 8), sound(2, 8)), ONE_FREE);
    assertThat(form.worldSize()).isEqualTo(2);
    assertThat(form.survivors()).containsOnly(Map.entry(0, 101L), Map.entry(1, 102L));
    assertThat(form.source()).isEqualTo(StateSource.rank(0));
  }

  @Test
  void shouldTakeAReadySpareInAtOnce() {
    Form form =
        (Form)
            Reformation.decide(
                new Situation(
                    "job-1",
                    new WorkerCount(1, 2),
                    2,
                    List.of(sound(0, 8)),
                    List.of(ONE_FREE),
                    Set.of(),
                    true,
                    Map.of("a", 1)));
    assertThat(form.worldSize()).isEqualTo(2);
  }

  @Test
  void shouldSayWhatItWaitsForBelowTheMinimum() {
    assertThat(decide(new WorkerCount(3, 3), List.of(sound(0, 8)), ONE_FREE))
        .isEqualTo(new Wait("job-1", "needs 3 ranks, 1 rank survives and 1 slot is free"));
    assertThat(decide(new WorkerCount(2, 2), List.of(sound(0, 8)), FULL)).isInstanceOf(Wait.class);
    assertThat(decide(new WorkerCount(2, 2), List.of()))
        .isEqualTo(new Wait("job-1", "needs 2 ranks, no agent has joined"));
  }

  @Test
  void shouldLeaveOutThoseThatAreTooManyButNotTheSource() {
    Form form =
        (Form)
            Reformation.decide(
                new Situation(
                    "job-1",
                    new WorkerCount(1, 4),
                    1,
                    List.of(sound(0, 7), sound(1, 7), sound(3, 8)),
                    List.of(ONE_FREE),
                    Set.of(),
                    true,
                    Map.of()));
    assertThat(form.survivors()).containsOnly(Map.entry(0, 103L));
    assertThat(form.source()).isEqualTo(StateSource.rank(0));
  }

  @Test
  void shouldStartNothingOnAnExcludedHostWhileThereIsAnother() {
    AgentSlots other = new AgentSlots("b", "host-b", 2);
    Situation situation =
        new Situation(
            "job-1",
            new WorkerCount(2, 2),
            2,
            List.of(),
            List.of(new AgentSlots("a", "host-a", 2), other),
            Set.of("host-a"),
            true,
            Map.of());
    Form form = (Form) Reformation.decide(situation);
    assertThat(form.placements().get(0).agentId()).isEqualTo("b");
    Form alone =
        (Form)
            Reformation.decide(
                new Situation(
                    "job-1",
                    new WorkerCount(2, 2),
                    2,
                    List.of(),
                    List.of(new AgentSlots("a", "host-a", 2)),
                    Set.of("host-a"),
                    true,
                    Map.of()));
    assertThat(alone.placements().get(0).agentId()).isEqualTo("a");
  }

  @Test
  void shouldReplaceALostHostOnAnotherAndKeepSurvivorsWhereTheyAre() {
    Form form =
        (Form)
            decide(
                new WorkerCount(4, 4),
                List.of(new Survivor(0, "a", 100, 8, true), new Survivor(3, "b", 103, 8, true)),
                FULL,
                new AgentSlots("b", "host-b", 1),
                new AgentSlots("c", "host-c", 3));
    assertThat(form.placements())
        .containsExactly(
            new Placement("a", List.of(0)),
            new Placement("b", List.of(1, 3)),
            new Placement("c", List.of(2)));
    assertThat(form.survivors()).containsOnly(Map.entry(0, 100L), Map.entry(3, 103L));
  }

  @Test
  void shouldShrinkWhereItWasTold() {
    Form form =
        (Form)
            Reformation.decide(
                new Situation(
                    "job-1",
                    new WorkerCount(1, 4),
                    2,
                    List.of(
                        new Survivor(0, "a", 100, 8, true),
                        new Survivor(1, "a", 101, 8, true),
                        new Survivor(2, "b", 102, 8, true)),
                    List.of(FULL, new AgentSlots("b", "host-b", 0)),
                    Set.of(),
                    true,
                    Map.of(),
                    Optional.of(List.of(new Share("a", 1), new Share("b", 1)))));
    assertThat(form.placements())
        .containsExactly(new Placement("a", List.of(0)), new Placement("b", List.of(1)));
    assertThat(form.survivors()).containsOnly(Map.entry(0, 100L), Map.entry(1, 102L));
  }
}
