package dev.trireme.coordinator.schedule;

import dev.trireme.api.job.WorkerCount;
import dev.trireme.coordinator.schedule.SchedulingDecision.Form;
import dev.trireme.coordinator.schedule.SchedulingDecision.Placement;
import dev.trireme.coordinator.schedule.SchedulingDecision.Wait;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * Decides which of the waiting jobs run, and where.
 *
 * <p>Strictly first come, first served: a job that does not fit holds up those behind it, so that
 * none can starve. A job gets as many ranks as it can use and its host has, all on the host with
 * the fewest slots that suffice, so that large holes stay whole; they share a host because the
 * transport between ranks does not cross hosts yet. Cost: O(jobs x agents).
 */
public final class Scheduler {
  private Scheduler() {}

  /**
   * A job that waits.
   *
   * @param workers how many ranks it can use
   */
  public record WaitingJob(String jobId, WorkerCount workers) {}

  /**
   * An agent's room.
   *
   * @param host its host's name
   * @param free slots, at least 0
   */
  public record AgentSlots(String agentId, String host, int free) {}

  /**
   * One decision for each waiting job, in order.
   *
   * @param queue oldest first
   * @param agents that have joined, in any order, which changes nothing
   */
  public static List<SchedulingDecision> decide(List<WaitingJob> queue, List<AgentSlots> agents) {
    Map<String, Integer> free = new HashMap<>();
    agents.forEach(a -> free.put(a.agentId(), a.free()));
    List<SchedulingDecision> decisions = new ArrayList<>();
    String blockedBy = "";
    for (WaitingJob job : queue) {
      SchedulingDecision decision =
          blockedBy.isEmpty()
              ? place(job, agents, free)
              : new Wait(job.jobId(), "waits behind " + blockedBy);
      if (decision instanceof Form form) {
        form.placements().forEach(p -> free.merge(p.agentId(), -p.ranks().size(), Integer::sum));
      } else if (blockedBy.isEmpty()) {
        blockedBy = job.jobId();
      }
      decisions.add(decision);
    }
    return List.copyOf(decisions);
  }

  private static SchedulingDecision place(
      WaitingJob job, List<AgentSlots> agents, Map<String, Integer> free) {
    WorkerCount workers = job.workers();
    // Most ranks first; of hosts that give as many, the one with the fewest slots to spare.
    Comparator<AgentSlots> best =
        Comparator.comparingInt((AgentSlots a) -> -Math.min(workers.max(), free.get(a.agentId())))
            .thenComparingInt(a -> free.get(a.agentId()))
            .thenComparing(AgentSlots::agentId);
    AgentSlots host = agents.stream().min(best).orElse(null);
    if (host == null) {
      return new Wait(job.jobId(), "needs " + slots(workers.min()) + ", no agent has joined");
    }
    int there = free.get(host.agentId());
    if (there < workers.min()) {
      String where = agents.size() == 1 ? "" : " on one host, " + host.host() + " has most with";
      return new Wait(
          job.jobId(),
          "needs "
              + slots(workers.min())
              + where
              + (where.isEmpty() ? ", " : " ")
              + there
              + " free");
    }
    int size = Math.min(workers.max(), there);
    String reason = slots(size) + " on host " + host.host();
    if (size < workers.max()) {
      reason += " (of " + workers + " wanted)";
    }
    List<Integer> ranks = IntStream.range(0, size).boxed().toList();
    return new Form(job.jobId(), List.of(new Placement(host.agentId(), ranks)), reason);
  }

  private static String slots(int count) {
    return count == 1 ? "1 slot" : count + " slots";
  }
}
