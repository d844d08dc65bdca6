package dev.trireme.coordinator.schedule;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.api.job.QueueSpec.Placing;
import dev.trireme.api.job.WorkerCount;
import dev.trireme.coordinator.schedule.Scheduler.AgentSlots;
import dev.trireme.coordinator.schedule.Scheduler.Demand;
import dev.trireme.coordinator.schedule.Scheduler.Plan;
import dev.trireme.coordinator.schedule.Scheduler.Preempt;
import dev.trireme.coordinator.schedule.Scheduler.Resize;
import dev.trireme.coordinator.schedule.Scheduler.RunningJob;
import dev.trireme.coordinator.schedule.Scheduler.Situation;
import dev.trireme.coordinator.schedule.Scheduler.WaitingJob;
import dev.trireme.coordinator.schedule.SchedulingDecision.Form;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Who goes first, who may pass by, and who has to give way. */
class QueueOrderTest {
  private final List<WaitingJob> queue = new ArrayList<>();
  private final List<RunningJob> running = new ArrayList<>();
  private final List<AgentSlots> agents = new ArrayList<>();

  @Test
  void shouldPreferPriorityThenTheUserWithLeastThenWhoCameFirst() {
    agent("a", 3, 5);
    running("job-1", "2", 0, "ann", "a", 2);
    waiting("job-2", "1", 0, "ann");
    waiting("job-3", "1", 0, "bob");
    waiting("job-4", "1", 0, "bob");
    waiting("job-5", "1", 9, "ann");

    // Bob has nothing yet: both of his go before ann's, whose urgent one goes before all.
    assertThat(formed()).containsExactly("job-3", "job-4", "job-5");
    assertThat(reason("job-2")).isEqualTo("needs 1 slot, 0 free; held: 2 by job-1");
  }

  @Test
  void shouldFillOtherHostsBehindAJobThatWaits() {
    agent("a", 3, 4);
    agent("b", 2, 4);
    agent("c", 2, 2);
    waiting("job-1", "8", 0, "ann");
    waiting("job-2", "3", 0, "ann");
    waiting("job-3", "2", 0, "ann");
    waiting("job-4", "1", 0, "ann");

    assertThat(formed()).containsExactly("job-3");
    assertThat(reason("job-1")).isEqualTo("needs 8 slots, 7 free");
    assertThat(reason("job-2")).isEqualTo("waits behind job-1");
    assertThat(reason("job-4")).isEqualTo("waits behind job-1");
  }

  @Test
  void shouldNotWaitBehindAJobThatCanNeverRun() {
    agent("a", 2, 2);
    waiting("job-1", "4", 5, "ann");
    waiting("job-2", "2", 0, "ann");

    assertThat(formed()).containsExactly("job-2");
    assertThat(reason("job-1")).isEqualTo("needs 4 slots, the one host has 2");
  }

  @Test
  void shouldReserveAHostThatCouldHoldTheHead() {
    agent("small", 2, 2);
    agent("large", 1, 4);
    running("job-1", "3", 0, "bob", "large", 3);
    waiting("job-2", "4", 0, "ann");
    waiting("job-3", "1", 0, "ann");

    Form third = (Form) plan().decisions().get(1);
    assertThat(third.placements().get(0).agentId()).isEqualTo("small");
  }

  @Test
  void shouldShrinkElasticJobsBeforePreempting() {
    agent("a", 0, 6);
    running("job-1", "1:4", 0, "ann", "a", 4);
    running("job-2", "2", -5, "ann", "a", 2);
    waiting("job-3", "3", 0, "bob");

    assertThat(plan().demands())
        .containsExactly(new Resize("job-1", List.of(new Share("a", 1)), "makes room for job-3"));
    assertThat(reason("job-3")).isEqualTo("needs 3 slots, 0 free; asked to make room: job-1");
  }

  @Test
  void shouldPreemptTheLeastImportantAndYoungest() {
    agent("a", 0, 6);
    running("job-1", "2", 1, "ann", "a", 2);
    running("job-2", "2", 0, "ann", "a", 2);
    running("job-3", "2", 0, "ann", "a", 2);
    waiting("job-4", "2", 2, "bob");

    assertThat(plan().demands())
        .containsExactly(new Preempt("job-3", "preempted by job-4 of priority 2"));
  }

  @Test
  void shouldPreemptNobodyAsImportant() {
    agent("a", 0, 2);
    running("job-1", "2", 2, "ann", "a", 2);
    waiting("job-2", "2", 2, "bob");

    assertThat(plan().demands()).isEmpty();
    assertThat(reason("job-2")).isEqualTo("needs 2 slots, 0 free; held: 2 by job-1");
  }

  @Test
  void shouldNotPreemptInVain() {
    agent("a", 0, 4);
    running("job-1", "2", 9, "ann", "a", 2);
    running("job-2", "2", 0, "ann", "a", 2);
    waiting("job-3", "4", 5, "bob");

    assertThat(plan().demands()).isEmpty();
  }

  @Test
  void shouldWaitForThoseWhoWereAskedAlready() {
    agent("a", 0, 2);
    running.add(
        new RunningJob(
            "job-1", WorkerCount.parse("2"), 0, "ann", List.of(new Share("a", 2)), 0, false));
    waiting("job-2", "2", 2, "bob");

    assertThat(plan().demands()).isEmpty();
    assertThat(reason("job-2")).isEqualTo("needs 2 slots, 0 free; job-1 gives up 2");
  }

  @Test
  void shouldGrowElasticJobsWhenNobodyWaits() {
    agent("a", 3, 6);
    running("job-1", "1:4", 0, "ann", "a", 2);
    running("job-2", "1:4", 1, "ann", "a", 1);

    assertThat(plan().demands())
        .containsExactly(new Resize("job-2", List.of(new Share("a", 4)), "slots are free"));
    waiting("job-3", "4", 0, "bob");
    assertThat(plan().demands())
        .extracting(Demand::jobId)
        .as("makes room in place of growing")
        .contains("job-1");
  }

  @Test
  void shouldGrowBesideTheRanksThatThereAreAndThenOnOtherHosts() {
    agent("a", 1, 3);
    agent("b", 4, 4);
    running("job-1", "1:6", 0, "ann", "a", 2);

    assertThat(plan().demands())
        .containsExactly(
            new Resize("job-1", List.of(new Share("a", 3), new Share("b", 3)), "slots are free"));
  }

  @Test
  void shouldTakeBackWhereverSlotsAreForAJobOfSeveralHosts() {
    agent("a", 1, 3);
    agent("b", 0, 3);
    running("job-1", "1:2", 0, "ann", "a", 2);
    running("job-2", "3", 0, "ann", "b", 3);
    waiting("job-3", "5", 1, "bob");

    assertThat(plan().demands())
        .containsExactly(
            new Resize("job-1", List.of(new Share("a", 1)), "makes room for job-3"),
            new Preempt("job-2", "preempted by job-3 of priority 1"));
  }

  @Test
  void shouldPackOrSpread() {
    agent("a", 4, 4);
    agent("b", 2, 4);
    queue.add(new WaitingJob("job-1", WorkerCount.parse("1"), 0, "", Placing.SPREAD));
    queue.add(new WaitingJob("job-2", WorkerCount.parse("1"), 0, "", Placing.PACK));

    assertThat(plan().decisions())
        .extracting(d -> ((Form) d).placements().get(0).agentId())
        .containsExactly("a", "b");
  }

  private Plan plan() {
    return Scheduler.decide(new Situation(queue, running, agents));
  }

  private List<String> formed() {
    return plan().decisions().stream()
        .filter(Form.class::isInstance)
        .map(SchedulingDecision::jobId)
        .toList();
  }

  private String reason(String jobId) {
    return plan().decisions().stream()
        .filter(d -> d.jobId().equals(jobId))
        .findFirst()
        .orElseThrow()
        .reason();
  }

  private void agent(String id, int free, int total) {
    agents.add(new AgentSlots(id, "host-" + id, free, total));
  }

  private void waiting(String id, String workers, int priority, String user) {
    queue.add(new WaitingJob(id, WorkerCount.parse(workers), priority, user, Placing.PACK));
  }

  private void running(
      String id, String workers, int priority, String user, String agent, int size) {
    running.add(
        new RunningJob(
            id,
            WorkerCount.parse(workers),
            priority,
            user,
            List.of(new Share(agent, size)),
            size,
            true));
  }
}
