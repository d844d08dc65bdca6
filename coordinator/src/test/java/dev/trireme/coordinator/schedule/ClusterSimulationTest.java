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
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.LongRange;

/**
 * Lives the histories of whole small clusters: jobs of several users and priorities that come, run
 * for a while, shrink, grow, are preempted and end, all as the scheduler says. Nothing that fits
 * may wait for ever, no slot may be given twice, and who gives way must not be more important.
 */
class ClusterSimulationTest {
  private static final class Sim {
    final int number;
    final WorkerCount workers;
    final int priority;
    final String user;
    int left;
    List<Share> shares = List.of();
    List<Share> aims = List.of();
    boolean preempted;

    Sim(int number, Random random) {
      this.number = number;
      int min = 1 + random.nextInt(4);
      this.workers = new WorkerCount(min, min + (random.nextBoolean() ? 0 : random.nextInt(4)));
      this.priority = random.nextInt(3);
      this.user = "user-" + random.nextInt(3);
      this.left = 1 + random.nextInt(5);
    }

    String id() {
      return "job-" + number;
    }
  }

  private final Map<String, Integer> totals = new TreeMap<>();
  private final Map<String, Sim> jobs = new TreeMap<>();

  @Property(tries = 300)
  void shouldRunEveryJobThatFitsAndGiveNoSlotTwice(@ForAll @LongRange(min = 0) long seed) {
    totals.clear();
    jobs.clear();
    Random random = new Random(seed);
    for (int i = 0; i < 1 + random.nextInt(4); i++) {
      totals.put("agent-" + i, 1 + random.nextInt(6));
    }
    int all = totals.values().stream().mapToInt(Integer::intValue).sum();
    int expected = 0;
    for (int i = 1; i <= 20; i++) {
      Sim job = new Sim(i, random);
      jobs.put(job.id(), job);
      expected += job.workers.min() <= all ? 1 : 0;
    }
    int never = jobs.size() - expected;
    int rounds = 0;
    while (jobs.size() > never) {
      assertThat(rounds++).as("rounds of seed %d", seed).isLessThan(2000);
      step();
    }
  }

  private void step() {
    List<Sim> inOrder =
        jobs.values().stream().sorted((a, b) -> Integer.compare(a.number, b.number)).toList();
    List<WaitingJob> queue = new ArrayList<>();
    List<RunningJob> running = new ArrayList<>();
    for (Sim job : inOrder) {
      if (job.shares.isEmpty()) {
        queue.add(new WaitingJob(job.id(), job.workers, job.priority, job.user, Placing.PACK));
      } else {
        boolean settled = !job.preempted && job.shares.equals(job.aims);
        running.add(
            new RunningJob(
                job.id(),
                job.workers,
                job.priority,
                job.user,
                job.shares,
                Share.total(job.aims),
                settled));
      }
    }
    Situation now = new Situation(queue, running, agents());
    Plan plan = Scheduler.decide(now);
    demandsAreFair(now, plan);
    plan.decisions().stream()
        .filter(Form.class::isInstance)
        .map(Form.class::cast)
        .forEach(this::form);
    plan.demands().forEach(this::demand);
    agents();
    live();
  }

  private List<AgentSlots> agents() {
    List<AgentSlots> agents = new ArrayList<>();
    totals.forEach(
        (id, total) -> {
          int held =
              jobs.values().stream()
                  .mapToInt(job -> Math.max(Share.on(id, job.shares), Share.on(id, job.aims)))
                  .sum();
          assertThat(held).as("slots given of %s", id).isLessThanOrEqualTo(total);
          agents.add(new AgentSlots(id, "host-" + id, total - held, total));
        });
    return agents;
  }

  private void form(Form form) {
    Sim job = jobs.get(form.jobId());
    assertThat(form.worldSize()).isBetween(job.workers.min(), job.workers.max());
    job.shares =
        form.placements().stream().map(p -> new Share(p.agentId(), p.ranks().size())).toList();
    job.aims = job.shares;
  }

  private void demand(Demand demand) {
    Sim job = jobs.get(demand.jobId());
    if (demand instanceof Resize resize) {
      assertThat(resize.to()).isBetween(job.workers.min(), job.workers.max());
      job.aims = resize.shares();
    } else {
      job.preempted = true;
      job.aims = List.of();
    }
  }

  /** A step of time: what was asked for happens, and jobs come nearer to their ends. */
  private void live() {
    for (Sim job : List.copyOf(jobs.values())) {
      if (job.shares.isEmpty()) {
        continue;
      }
      job.shares = job.aims;
      if (job.preempted) {
        job.preempted = false;
      } else if (--job.left <= 0) {
        jobs.remove(job.id());
      }
    }
  }

  private void demandsAreFair(Situation now, Plan plan) {
    int most = now.queue().stream().mapToInt(WaitingJob::priority).max().orElse(-1);
    for (Demand demand : plan.demands()) {
      Sim job = jobs.get(demand.jobId());
      if (demand instanceof Preempt) {
        assertThat(job.priority).as("priority of the preempted").isLessThan(most);
      } else if (demand instanceof Resize resize && resize.to() < Share.total(job.shares)) {
        assertThat(job.priority).as("priority of the shrunk").isLessThanOrEqualTo(most);
      }
    }
  }
}
