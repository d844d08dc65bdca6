package dev.trireme.coordinator.schedule;

import dev.trireme.coordinator.schedule.Scheduler.AgentSlots;
import dev.trireme.coordinator.schedule.Scheduler.Demand;
import dev.trireme.coordinator.schedule.Scheduler.Preempt;
import dev.trireme.coordinator.schedule.Scheduler.Resize;
import dev.trireme.coordinator.schedule.Scheduler.RunningJob;
import dev.trireme.coordinator.schedule.Scheduler.Situation;
import dev.trireme.coordinator.schedule.Scheduler.WaitingJob;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * What running jobs must give up so that a waiting one fits on some host. On each host: elastic
 * jobs that are not more important than it shrink, the least important and youngest first; where
 * that is not enough, less important jobs are preempted in the same order. What turns out not to be
 * needed is left alone. The host with the fewest preempted ranks is chosen, then with the fewest
 * given up, then with the most free slots.
 */
final class Reclaim {
  /** On one host. */
  private record Offer(AgentSlots agent, int preempted, int givenUp, List<Demand> demands) {}

  /**
   * What came of it.
   *
   * @param agentId of the host to wait for
   * @param reason to be added to what the job lacks
   */
  record Result(String agentId, String reason, List<Demand> demands) {}

  private static final Comparator<Offer> BEST =
      Comparator.comparingInt(Offer::preempted)
          .thenComparingInt(Offer::givenUp)
          .thenComparingInt((Offer o) -> -o.agent().free())
          .thenComparing(o -> o.agent().agentId());

  private final WaitingJob head;

  private Reclaim(WaitingJob head) {
    this.head = head;
  }

  /** For a job that fits nowhere now, and would fit the empty cluster. */
  static Result room(WaitingJob head, Situation now, Room room) {
    Map<String, List<RunningJob>> byAgent =
        now.running().stream().collect(Collectors.groupingBy(RunningJob::agentId));
    Reclaim reclaim = new Reclaim(head);
    List<Offer> offers = new ArrayList<>();
    for (AgentSlots agent : now.agents()) {
      // Others may have been given slots in this very decision.
      AgentSlots left = room.agent(agent.agentId()).orElseThrow();
      if (left.total() >= head.workers().min()) {
        List<RunningJob> there = byAgent.getOrDefault(agent.agentId(), List.of());
        reclaim.offer(left, there).ifPresent(offers::add);
      }
    }
    return offers.stream()
        .min(BEST)
        .map(offer -> result(offer, byAgent.getOrDefault(offer.agent().agentId(), List.of())))
        .orElseGet(() -> waits(closest(head, now, room), byAgent));
  }

  /** Of the hosts that could hold it, the one with the most free slots. */
  private static AgentSlots closest(WaitingJob head, Situation now, Room room) {
    return now.agents().stream()
        .map(agent -> room.agent(agent.agentId()).orElseThrow())
        .filter(agent -> agent.total() >= head.workers().min())
        .max(
            Comparator.comparingInt(AgentSlots::free)
                .thenComparing(Comparator.comparing(AgentSlots::agentId).reversed()))
        .orElseThrow();
  }

  private static Result waits(AgentSlots most, Map<String, List<RunningJob>> byAgent) {
    return new Result(
        most.agentId(), held(byAgent.getOrDefault(most.agentId(), List.of())), List.of());
  }

  private static Result result(Offer offer, List<RunningJob> there) {
    String reason =
        there.stream()
            .filter(job -> job.target() < job.size())
            .map(job -> job.jobId() + " gives up " + (job.size() - job.target()))
            .collect(Collectors.joining(", "));
    String asked = offer.demands().stream().map(Demand::jobId).collect(Collectors.joining(", "));
    String all =
        (asked.isEmpty() ? "" : "; asked to make room on " + offer.agent().host() + ": " + asked)
            + (reason.isEmpty() ? "" : "; on " + offer.agent().host() + " " + reason);
    return new Result(offer.agent().agentId(), all, offer.demands());
  }

  /** Who has what is missing. */
  private static String held(List<RunningJob> there) {
    return there.isEmpty()
        ? ""
        : "; held: "
            + there.stream()
                .limit(5)
                .map(job -> job.size() + " by " + job.jobId())
                .collect(Collectors.joining(", "))
            + (there.size() > 5 ? ", ..." : "");
  }

  private Optional<Offer> offer(AgentSlots agent, List<RunningJob> there) {
    int leaving = there.stream().mapToInt(job -> Math.max(0, job.size() - job.target())).sum();
    int missing = head.workers().min() - agent.free() - leaving;
    Map<String, Integer> gives = new LinkedHashMap<>();
    Map<String, RunningJob> jobs = new HashMap<>();
    List<RunningJob> victims = new ArrayList<>(there);
    // The list is oldest first: reversed and sorted stably, the youngest of a priority comes first.
    Collections.reverse(victims);
    victims.sort(Comparator.comparingInt(RunningJob::priority));
    int got = 0;
    for (RunningJob job : victims) {
      jobs.put(job.jobId(), job);
      int spare = job.target() - job.workers().min();
      if (got < missing && job.settled() && job.priority() <= head.priority() && spare > 0) {
        int give = Math.min(spare, missing - got);
        gives.put(job.jobId(), give);
        got += give;
      }
    }
    for (RunningJob job : victims) {
      if (got < missing && job.settled() && job.priority() < head.priority()) {
        got += job.target() - gives.getOrDefault(job.jobId(), 0);
        gives.put(job.jobId(), job.target());
      }
    }
    if (got < missing) {
      return Optional.empty();
    }
    return Optional.of(withoutNeedless(agent, gives, jobs, got - missing));
  }

  /** Preempting one job for its last slot may have made the shrinking of others needless. */
  private Offer withoutNeedless(
      AgentSlots agent, Map<String, Integer> gives, Map<String, RunningJob> jobs, int surplus) {
    List<Demand> demands = new ArrayList<>();
    int preempted = 0;
    int givenUp = 0;
    int over = surplus;
    for (Map.Entry<String, Integer> each : gives.entrySet()) {
      RunningJob job = jobs.get(each.getKey());
      int give = each.getValue();
      if (give < job.target()) {
        int less = Math.min(over, give);
        give -= less;
        over -= less;
      } else if (give <= over) {
        over -= give;
        give = 0;
      }
      if (give == 0) {
        continue;
      }
      givenUp += give;
      if (give == job.target()) {
        preempted += give;
        demands.add(
            new Preempt(
                job.jobId(), "preempted by " + head.jobId() + " of priority " + head.priority()));
      } else {
        demands.add(new Resize(job.jobId(), job.target() - give, "makes room for " + head.jobId()));
      }
    }
    return new Offer(agent, preempted, givenUp, demands);
  }
}
