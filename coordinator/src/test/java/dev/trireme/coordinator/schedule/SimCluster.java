package dev.trireme.coordinator.schedule;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.api.job.ParallelSpec.DeviceKind;
import dev.trireme.api.job.QueueSpec.Placing;
import dev.trireme.api.job.WorkerCount;
import dev.trireme.coordinator.schedule.Scheduler.Demand;
import dev.trireme.coordinator.schedule.Scheduler.Held;
import dev.trireme.coordinator.schedule.Scheduler.Plan;
import dev.trireme.coordinator.schedule.Scheduler.Resize;
import dev.trireme.coordinator.schedule.Scheduler.RunningJob;
import dev.trireme.coordinator.schedule.Scheduler.Situation;
import dev.trireme.coordinator.schedule.SchedulingDecision.Form;
import dev.trireme.coordinator.schedule.SchedulingDecision.Placement;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;

/**
 * A cluster that lives as the scheduler says, step by step, and that notices when a slot is given
 * twice.
 */
final class SimCluster {
  /** A job with its fate. */
  static final class SimJob {
    final int number;
    final WorkerCount workers;
    final Need need;
    final int priority;
    final String user;
    final boolean spans;
    final Placing placing;
    int left;
    List<Held> held = List.of();
    Need given;
    int target;
    boolean preempted;
    long accepted;

    SimJob(
        int number,
        WorkerCount workers,
        Need need,
        int priority,
        String user,
        boolean spans,
        Placing placing,
        int left) {
      this.number = number;
      this.workers = workers;
      this.need = need;
      this.priority = priority;
      this.user = user;
      this.spans = spans;
      this.placing = placing;
      this.left = left;
      this.given = need;
      this.accepted = number;
    }

    String id() {
      return "job-" + number;
    }

    int size() {
      return held.stream().mapToInt(Held::ranks).sum();
    }

    boolean runs() {
      return !held.isEmpty();
    }

    WaitingJob waiting() {
      return new WaitingJob(id(), workers, need, priority, user, placing, spans, accepted);
    }

    RunningJob running() {
      int lacking = target == 0 ? 0 : Math.max(0, workers.min() - size());
      boolean settled = !preempted && size() == target && lacking == 0;
      return new RunningJob(
          id(), workers, given, priority, user, held, target, settled, lacking, spans);
    }
  }

  final Map<String, AgentRoom> agents = new TreeMap<>();
  final Map<Integer, SimJob> jobs = new TreeMap<>();
  long millis;

  /** A few agents, not all alike. */
  static SimCluster random(Random random) {
    SimCluster cluster = new SimCluster();
    for (int i = 0; i < 1 + random.nextInt(4); i++) {
      int slots = 1 + random.nextInt(6);
      int cuda = random.nextInt(3) == 0 ? 1 + random.nextInt(slots) : 0;
      String id = "agent-" + i;
      cluster.agents.put(
          id, new AgentRoom(id, "host-" + i, slots, slots, cuda, cuda, 2 * slots, 0, 0));
    }
    return cluster;
  }

  /** A job that may be anything. */
  static SimJob randomJob(int number, Random random) {
    int min = 1 + random.nextInt(4);
    boolean elastic = random.nextInt(3) == 0;
    Need need =
        switch (random.nextInt(6)) {
          case 0 -> Need.CUDA;
          case 1 -> new Need(DeviceKind.AUTO, 0, 0, 0);
          case 2 -> new Need(DeviceKind.CPU, 1 + random.nextInt(5), 0, 0);
          default -> Need.SLOT;
        };
    return new SimJob(
        number,
        new WorkerCount(min, min + (elastic ? random.nextInt(4) : 0)),
        need,
        random.nextInt(3),
        "user-" + random.nextInt(3),
        random.nextBoolean(),
        random.nextInt(3) == 0 ? Placing.SPREAD : Placing.PACK,
        1 + random.nextInt(5));
  }

  Situation situation() {
    List<WaitingJob> queue = new ArrayList<>();
    List<RunningJob> running = new ArrayList<>();
    for (SimJob job : jobs.values()) {
      if (job.runs()) {
        running.add(job.running());
      } else {
        queue.add(job.waiting());
      }
    }
    return new Situation(queue, running, rooms(), millis);
  }

  /** What is free; fails where more is held than there is. */
  List<AgentRoom> rooms() {
    Map<String, int[]> taken = new HashMap<>();
    for (SimJob job : jobs.values()) {
      for (Held held : job.held) {
        int[] sums = taken.computeIfAbsent(held.agentId(), a -> new int[2]);
        sums[0] += held.slots();
        sums[1] += held.cuda();
      }
    }
    List<AgentRoom> rooms = new ArrayList<>();
    for (AgentRoom a : agents.values()) {
      int[] sums = taken.getOrDefault(a.agentId(), new int[2]);
      assertThat(sums[0]).as("slots given of %s", a).isLessThanOrEqualTo(a.slots());
      assertThat(sums[1]).as("cuda slots given of %s", a).isLessThanOrEqualTo(a.cudaSlots());
      rooms.add(
          new AgentRoom(
              a.agentId(),
              a.host(),
              a.slots(),
              a.slots() - sums[0],
              a.cudaSlots(),
              a.cudaSlots() - sums[1],
              a.cores(),
              a.memory(),
              a.deviceMemory()));
    }
    return rooms;
  }

  /** Does what the plan says; who is asked for something has yet to do it. */
  void apply(Plan plan) {
    for (SchedulingDecision decision : plan.decisions()) {
      if (decision instanceof Form form) {
        form(form);
      }
    }
    for (Demand demand : plan.demands()) {
      SimJob job = job(demand.jobId());
      if (demand instanceof Resize resize) {
        assertThat(resize.to()).isBetween(job.workers.min(), job.workers.max());
        job.target = resize.to();
        if (job.target > job.size()) {
          job.held = resize.shares().stream().map(s -> held(job, s.agentId(), s.slots())).toList();
        }
      } else {
        job.preempted = true;
        job.target = 0;
      }
    }
    rooms();
  }

  SimJob job(String id) {
    return jobs.get(Integer.parseInt(id.substring("job-".length())));
  }

  private void form(Form form) {
    SimJob job = job(form.jobId());
    assertThat(job.held).isEmpty();
    assertThat(form.worldSize()).isBetween(job.workers.min(), job.workers.max());
    assertThat(job.spans || form.placements().size() == 1).as("on one agent").isTrue();
    job.given = job.need.on(form.device());
    List<Held> held = new ArrayList<>();
    for (Placement placement : form.placements()) {
      held.add(held(job, placement.agentId(), placement.ranks().size()));
    }
    job.held = held;
    job.target = job.size();
  }

  private Held held(SimJob job, String agentId, int ranks) {
    int each = agents.get(agentId).slotsFor(job.given);
    assertThat(each).as("slots for %s on %s", job.given, agentId).isPositive();
    return new Held(agentId, ranks, ranks * each, job.given.cuda() ? ranks : 0);
  }

  /** So many of a job's last ranks are gone. */
  void drop(SimJob job, int ranks) {
    List<Held> held = new ArrayList<>(job.held);
    int left = ranks;
    while (left > 0) {
      Held last = held.remove(held.size() - 1);
      int stay = Math.max(0, last.ranks() - left);
      left -= last.ranks() - stay;
      if (stay > 0) {
        held.add(held(job, last.agentId(), stay));
      }
    }
    job.held = held;
  }

  /** A step of time: what was asked for is done, and jobs come nearer to their ends. */
  void live() {
    for (SimJob job : List.copyOf(jobs.values())) {
      if (job.preempted) {
        job.preempted = false;
        job.held = List.of();
      } else if (job.runs()) {
        drop(job, Math.max(0, job.size() - job.target));
        if (job.size() >= job.workers.min() && --job.left <= 0) {
          jobs.remove(job.number);
        }
      }
    }
  }
}
