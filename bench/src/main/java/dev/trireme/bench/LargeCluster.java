package dev.trireme.bench;

import dev.trireme.api.job.ParallelSpec.DeviceKind;
import dev.trireme.coordinator.schedule.AgentRoom;
import dev.trireme.coordinator.schedule.Need;
import dev.trireme.coordinator.schedule.Scheduler.Demand;
import dev.trireme.coordinator.schedule.Scheduler.Held;
import dev.trireme.coordinator.schedule.Scheduler.Plan;
import dev.trireme.coordinator.schedule.Scheduler.Resize;
import dev.trireme.coordinator.schedule.Scheduler.RunningJob;
import dev.trireme.coordinator.schedule.Scheduler.Situation;
import dev.trireme.coordinator.schedule.SchedulingDecision;
import dev.trireme.coordinator.schedule.SchedulingDecision.Form;
import dev.trireme.coordinator.schedule.Share;
import dev.trireme.coordinator.schedule.WaitingJob;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Random;

/** A simulated cluster: what the scheduler decides is done at once, and jobs end in some order. */
final class LargeCluster {
  private record End(long time, String jobId) {}

  private final List<AgentRoom> agents = new ArrayList<>();
  private final Map<String, Integer> places = new HashMap<>();
  private final Map<String, WaitingJob> queue = new LinkedHashMap<>();
  private final Map<String, WaitingJob> specs = new HashMap<>();
  private final Map<String, RunningJob> running = new LinkedHashMap<>();
  private final PriorityQueue<End> ends = new PriorityQueue<>(Comparator.comparingLong(End::time));
  private long now;

  /** A quarter of the hosts have eight CUDA devices. */
  LargeCluster(int count) {
    for (int i = 0; i < count; i++) {
      String id = "agent-%05d".formatted(i);
      int cuda = i % 4 == 0 ? 8 : 0;
      places.put(id, i);
      agents.add(new AgentRoom(id, "host-" + i, 16, 16, cuda, cuda, 32, 128L << 30, 80L << 30));
    }
  }

  int queued() {
    return queue.size();
  }

  int running() {
    return running.size();
  }

  int slots() {
    return agents.stream().mapToInt(AgentRoom::slots).sum();
  }

  void submit(WaitingJob job) {
    queue.put(job.jobId(), job);
    specs.put(job.jobId(), job);
  }

  Situation situation() {
    return new Situation(List.copyOf(queue.values()), List.copyOf(running.values()), agents, now);
  }

  /** The next job ends. */
  void endNext() {
    for (End end = ends.poll(); end != null; end = ends.poll()) {
      RunningJob job = running.remove(end.jobId());
      if (job != null) {
        now = end.time();
        job.held().forEach(held -> change(held, -1));
        specs.remove(end.jobId());
        return;
      }
    }
  }

  /** Does it; says how many jobs have started. */
  int apply(Plan plan, Random random) {
    int started = 0;
    for (SchedulingDecision decision : plan.decisions()) {
      if (decision instanceof Form form) {
        started++;
        WaitingJob job = queue.remove(form.jobId());
        Need need =
            new Need(
                form.device(), job.need().cores(), job.need().memory(), job.need().deviceMemory());
        List<Share> shares =
            form.placements().stream().map(p -> new Share(p.agentId(), p.ranks().size())).toList();
        hold(job, need, shares);
        ends.add(new End(now + 1 + (long) (-Math.log(random.nextDouble()) * 1e6), job.jobId()));
      }
    }
    for (Demand demand : plan.demands()) {
      RunningJob job = running.get(demand.jobId());
      job.held().forEach(held -> change(held, -1));
      WaitingJob spec = specs.get(demand.jobId());
      if (demand instanceof Resize resize) {
        hold(spec, job.need(), resize.shares());
      } else {
        running.remove(demand.jobId());
        queue.put(spec.jobId(), spec);
      }
    }
    return started;
  }

  private void hold(WaitingJob job, Need need, List<Share> shares) {
    List<Held> held = new ArrayList<>();
    for (Share share : shares) {
      int ranks = share.slots();
      boolean cuda = need.device() == DeviceKind.CUDA;
      int each = agents.get(places.get(share.agentId())).slotsFor(need);
      held.add(new Held(share.agentId(), ranks, ranks * each, cuda ? ranks : 0));
    }
    held.forEach(h -> change(h, 1));
    int size = Share.total(shares);
    running.put(
        job.jobId(),
        new RunningJob(
            job.jobId(),
            job.workers(),
            need,
            job.priority(),
            job.user(),
            held,
            size,
            true,
            0,
            true));
  }

  private void change(Held held, int sign) {
    int place = places.get(held.agentId());
    AgentRoom a = agents.get(place);
    int free = a.free() - sign * held.slots();
    int cuda = a.cudaFree() - sign * held.cuda();
    if (free < 0 || cuda < 0) {
      throw new IllegalStateException("a slot of " + a + " was given twice");
    }
    agents.set(
        place,
        new AgentRoom(
            a.agentId(),
            a.host(),
            a.slots(),
            free,
            a.cudaSlots(),
            cuda,
            a.cores(),
            a.memory(),
            a.deviceMemory()));
  }
}
