package dev.trireme.coordinator.schedule;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.api.job.QueueSpec.Placing;
import dev.trireme.api.job.WorkerCount;
import dev.trireme.coordinator.schedule.Scheduler.Demand;
import dev.trireme.coordinator.schedule.Scheduler.Held;
import dev.trireme.coordinator.schedule.Scheduler.Plan;
import dev.trireme.coordinator.schedule.Scheduler.Preempt;
import dev.trireme.coordinator.schedule.Scheduler.Resize;
import dev.trireme.coordinator.schedule.Scheduler.RunningJob;
import dev.trireme.coordinator.schedule.Scheduler.Situation;
import dev.trireme.coordinator.schedule.SchedulingDecision.Form;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Who goes first, who may pass by, and who has to give way. */
class QueueOrderTest {
  private final List<WaitingJob> queue = new ArrayList<>();
  private final List<RunningJob> running = new ArrayList<>();
  private final List<AgentRoom> agents = new ArrayList<>();
  private long millis;

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
    assertThat(reason("job-2")).isEqualTo("needs 1 slot, 0 free; 2 held by job-1 until it ends");
  }

  @Test
  void shouldLendOnlyWhatTheHeadWillNotMiss() {
    agent("a", 5, 8);
    agent("b", 3, 8);
    running("job-1", "8", 0, "bob", "ab", 8);
    waiting("job-2", "12", 0, "ann");
    waiting("job-3", "5", 0, "ann");
    waiting("job-4", "3", 0, "ann");
    waiting("job-5", "1", 0, "ann");
    waiting("job-6", "1", 0, "ann");

    // When job-1 ends there are 16 for the 12 of job-2: of the 8 that are free, 4 can be lent.
    assertThat(formed()).containsExactly("job-4", "job-5");
    assertThat(reason("job-2")).isEqualTo("needs 12 slots, 8 free; 8 held by job-1 until it ends");
    assertThat(reason("job-3")).isEqualTo("waits behind job-2");
    assertThat(reason("job-6")).isEqualTo("waits behind job-2");
  }

  @Test
  void shouldLendNothingWhereASingleSlotMayDecide() {
    agent("a", 3, 8);
    running("job-1", "4", 0, "bob", "a", 4);
    running("job-2", "1", 0, "bob", "a", 1);
    waiting("job-3", "4", 0, "ann");
    waiting("job-4", "1", 0, "ann");

    assertThat(formed()).isEmpty();
    assertThat(reason("job-3"))
        .isEqualTo("needs 4 slots, 3 free; 4 held by job-1, 1 by job-2 until they end");
  }

  @Test
  void shouldFillWhatTheHeadCannotUse() {
    agents.add(new AgentRoom("cpu", "host-cpu", 4, 4));
    agents.add(new AgentRoom("gpu", "host-gpu", 8, 7, 4, 3, 0, 0, 0));
    running.add(
        new RunningJob(
            "job-17",
            WorkerCount.parse("1"),
            Need.CUDA,
            0,
            "bob",
            List.of(new Held("gpu", 1, 1, 1)),
            1,
            true,
            0,
            true));
    waiting("job-18", "4", Need.CUDA);
    waiting("job-19", "1", Need.CUDA);
    waiting("job-20", "7", Need.SLOT);
    waiting("job-21", "1", Need.SLOT);

    assertThat(reason("job-18"))
        .isEqualTo("needs 4 cuda slots, 3 free; 1 held by job-17 until it ends");
    // 4 slots of the host without devices, and of the other those that 4 CUDA ranks leave over.
    assertThat(formed()).containsExactly("job-20");
    assertThat(reason("job-19")).isEqualTo("waits behind job-18");
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
  void shouldFillHostsThatAreTooSmallForAHeadThatMustBeOnOne() {
    agent("small", 2, 2);
    agent("large", 1, 4);
    running("job-1", "3", 0, "bob", "large", 3);
    queue.add(
        new WaitingJob(
            "job-2", WorkerCount.parse("4"), Need.SLOT, 0, "ann", Placing.PACK, false, 0));
    waiting("job-3", "1", 0, "ann");

    Form third = (Form) plan().decisions().get(1);
    assertThat(third.placements().get(0).agentId()).isEqualTo("small");
    assertThat(reason("job-2"))
        .isEqualTo(
            "needs 4 slots on one host, host-large has most with 1 free; 3 held by job-1 until it"
                + " ends");
  }

  @Test
  void shouldCountAUsersLargerShare() {
    agents.add(new AgentRoom("gpu", "host-gpu", 100, 1, 2, 1, 0, 0, 0));
    running.add(
        new RunningJob(
            "job-1",
            WorkerCount.parse("1"),
            Need.CUDA,
            0,
            "ann",
            List.of(new Held("gpu", 1, 1, 1)),
            1,
            true,
            0,
            true));
    running("job-2", "40", 0, "bob", "gpu", 40);
    waiting("job-3", "1", 0, "ann");
    waiting("job-4", "1", 0, "bob");

    // Half of the devices weighs more than four tenths of the slots.
    assertThat(formed()).containsExactly("job-4");
  }

  @Test
  void shouldPreferWhoHasWaitedForTooLong() {
    agent("a", 1, 3);
    running("job-1", "2", 0, "ann", "a", 2);
    millis = Scheduler.PATIENCE.toMillis() + 1;
    waiting("job-2", "1", 0, "ann");
    queue.add(
        new WaitingJob(
            "job-3", WorkerCount.parse("1"), Need.SLOT, 0, "bob", Placing.PACK, true, millis));

    assertThat(formed()).containsExactly("job-2");
  }

  @Test
  void shouldLetTheMoreImportantOfTwoHalfPlacedJobsGoOn() {
    agent("a", 0, 2);
    agent("b", 1, 2);
    half("job-1", 0, new Held("a", 2, 2, 0), 2);
    half("job-2", 0, new Held("b", 1, 1, 0), 3);
    waiting("job-3", "1", 0, "ann");

    assertThat(plan().demands())
        .containsExactly(
            new Preempt("job-2", "has lost ranks, and lets job-1 go on, which came before it"));
    assertThat(reason("job-3")).isEqualTo("waits behind job-1");
  }

  @Test
  void shouldKeepRoomForAJobThatHasLostARank() {
    agent("a", 2, 4);
    half("job-1", 0, new Held("a", 2, 2, 0), 1);
    waiting("job-2", "2", 5, "ann");
    waiting("job-3", "1", 0, "ann");

    assertThat(plan().demands()).isEmpty();
    assertThat(formed()).containsExactly("job-3");
  }

  @Test
  void shouldShrinkElasticJobsBeforePreempting() {
    agent("a", 0, 6);
    running("job-1", "1:4", 0, "ann", "a", 4);
    running("job-2", "2", -5, "ann", "a", 2);
    waiting("job-3", "3", 0, "bob");

    assertThat(plan().demands())
        .containsExactly(new Resize("job-1", List.of(new Share("a", 1)), "makes room for job-3"));
    assertThat(reason("job-3"))
        .isEqualTo("needs 3 slots, 0 free; asked to make room: job-1 (shrinks)");
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
    assertThat(reason("job-2")).isEqualTo("needs 2 slots, 0 free; 2 held by job-1 until it ends");
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
            "job-1",
            WorkerCount.parse("2"),
            Need.SLOT,
            0,
            "ann",
            List.of(new Held("a", 2, 2, 0)),
            0,
            false,
            0,
            true));
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
  void shouldPackOrSpread() {
    agent("a", 4, 4);
    agent("b", 2, 4);
    for (Placing placing : List.of(Placing.SPREAD, Placing.PACK)) {
      String id = "job-" + (queue.size() + 1);
      queue.add(new WaitingJob(id, WorkerCount.parse("1"), Need.SLOT, 0, "", placing, true, 0));
    }

    assertThat(plan().decisions())
        .extracting(d -> ((Form) d).placements().get(0).agentId())
        .containsExactly("a", "b");
  }

  private Plan plan() {
    return Scheduler.decide(new Situation(queue, running, agents, millis));
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
    agents.add(new AgentRoom(id, "host-" + id, total, free));
  }

  private void waiting(String id, String workers, int priority, String user) {
    queue.add(
        new WaitingJob(
            id, WorkerCount.parse(workers), Need.SLOT, priority, user, Placing.PACK, true, 0));
  }

  private void waiting(String id, String workers, Need need) {
    queue.add(
        new WaitingJob(id, WorkerCount.parse(workers), need, 0, "ann", Placing.PACK, true, 0));
  }

  /** Evenly on agents that are named by a letter each, or on one. */
  private void running(
      String id, String workers, int priority, String user, String agent, int size) {
    List<Held> held =
        agents.stream().anyMatch(a -> a.agentId().equals(agent))
            ? List.of(new Held(agent, size, size, 0))
            : agent
                .chars()
                .mapToObj(c -> new Held(String.valueOf((char) c), size / 2, size / 2, 0))
                .toList();
    running.add(
        new RunningJob(
            id, WorkerCount.parse(workers), Need.SLOT, priority, user, held, size, true, 0, true));
  }

  private void half(String id, int priority, Held held, int lacking) {
    int all = held.ranks() + lacking;
    running.add(
        new RunningJob(
            id,
            new WorkerCount(all, all),
            Need.SLOT,
            priority,
            "ann",
            List.of(held),
            held.ranks(),
            false,
            lacking,
            true));
  }
}
