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
import java.util.stream.Collectors;

/**
 * What running jobs must give up so that a waiting one fits. Elastic jobs that are not more
 * important than it shrink, the least important and youngest first; where that is not enough, less
 * important jobs are preempted in the same order. What turns out not to be needed is left alone,
 * and where all of it would not be enough nobody is asked.
 */
final class Reclaim {
  /**
   * What came of it.
   *
   * @param agents to wait for: together they can hold the job
   * @param reason to be added to what the job lacks
   */
  record Result(List<String> agents, String reason, List<Demand> demands) {}

  private final WaitingJob head;
  private final List<RunningJob> running;
  private final Map<String, Integer> gives = new LinkedHashMap<>();

  private Reclaim(WaitingJob head, List<RunningJob> running) {
    this.head = head;
    this.running = running;
  }

  /** For a job that does not fit now, and would fit the empty cluster. */
  static Result room(WaitingJob head, Situation now, Room room) {
    return new Reclaim(head, now.running()).result(room);
  }

  private Result result(Room room) {
    int leaving = running.stream().mapToInt(Reclaim::leaving).sum();
    int missing = head.workers().min() - room.free() - leaving;
    int got = missing <= 0 ? missing : ask(missing);
    if (got < missing) {
      gives.clear();
      return new Result(closest(room, Map.of()), held(), List.of());
    }
    if (missing > 0) {
      takeBackNeedless(got - missing);
    } else {
      gives.clear();
    }
    List<Demand> demands = demands();
    String asked = demands.stream().map(Demand::jobId).collect(Collectors.joining(", "));
    String gone =
        running.stream()
            .filter(job -> leaving(job) > 0)
            .map(job -> job.jobId() + " gives up " + leaving(job))
            .collect(Collectors.joining(", "));
    String reason =
        (asked.isEmpty() ? "" : "; asked to make room: " + asked)
            + (gone.isEmpty() ? "" : "; " + gone);
    return new Result(closest(room, freed()), reason, demands);
  }

  private static int leaving(RunningJob job) {
    return Math.max(0, job.size() - job.target());
  }

  /** Who has what is missing. */
  private String held() {
    return running.isEmpty()
        ? ""
        : "; held: "
            + running.stream()
                .limit(5)
                .map(job -> job.size() + " by " + job.jobId())
                .collect(Collectors.joining(", "))
            + (running.size() > 5 ? ", ..." : "");
  }

  private int ask(int missing) {
    List<RunningJob> victims = new ArrayList<>(running);
    // The list is oldest first: reversed and sorted stably, the youngest of a priority comes first.
    Collections.reverse(victims);
    victims.sort(Comparator.comparingInt(RunningJob::priority));
    int got = 0;
    for (RunningJob job : victims) {
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
    return got;
  }

  /** Preempting one job for its last slot may have made the shrinking of others needless. */
  private void takeBackNeedless(int surplus) {
    Map<String, RunningJob> jobs = new HashMap<>();
    running.forEach(job -> jobs.put(job.jobId(), job));
    int over = surplus;
    for (Map.Entry<String, Integer> each : gives.entrySet()) {
      int give = each.getValue();
      boolean preempted = give == jobs.get(each.getKey()).target();
      int less = preempted && give > over ? 0 : Math.min(over, give);
      each.setValue(give - less);
      over -= less;
    }
  }

  private List<Demand> demands() {
    List<Demand> demands = new ArrayList<>();
    for (RunningJob job : running) {
      int give = gives.getOrDefault(job.jobId(), 0);
      if (give > 0 && give == job.target()) {
        String why = "preempted by " + head.jobId() + " of priority " + head.priority();
        demands.add(new Preempt(job.jobId(), why));
      } else if (give > 0) {
        List<Share> kept = Share.first(job.target() - give, job.shares());
        demands.add(new Resize(job.jobId(), kept, "makes room for " + head.jobId()));
      }
    }
    return demands;
  }

  /** What will be free on each agent once all have given up what they are to. */
  private Map<String, Integer> freed() {
    Map<String, Integer> freed = new HashMap<>();
    for (RunningJob job : running) {
      int kept = Math.min(job.size(), job.target()) - gives.getOrDefault(job.jobId(), 0);
      job.shares().forEach(s -> freed.merge(s.agentId(), s.slots(), Integer::sum));
      Share.first(kept, job.shares())
          .forEach(s -> freed.merge(s.agentId(), -s.slots(), Integer::sum));
    }
    return freed;
  }

  /**
   * Agents that can hold the job, those with the most free slots first and none that is not needed.
   * Where slots are being given up, these agents will have enough of them; else they have enough in
   * all.
   */
  private List<String> closest(Room room, Map<String, Integer> freed) {
    Map<String, Integer> counts = new LinkedHashMap<>();
    int surplus = -head.workers().min();
    for (AgentSlots agent : emptiestFirst(room, freed)) {
      int count = freed.isEmpty() ? agent.total() : coming(agent, freed);
      if (surplus < 0 && count > 0) {
        counts.put(agent.agentId(), count);
        surplus += count;
      }
    }
    List<String> chosen = new ArrayList<>(counts.keySet());
    for (int i = chosen.size() - 1; i >= 0; i--) {
      int count = counts.get(chosen.get(i));
      if (count <= surplus) {
        surplus -= count;
        chosen.remove(i);
      }
    }
    return chosen;
  }

  private static List<AgentSlots> emptiestFirst(Room room, Map<String, Integer> freed) {
    Comparator<AgentSlots> most = Comparator.comparingInt(a -> -coming(a, freed));
    return room.agents().stream().sorted(most.thenComparing(AgentSlots::agentId)).toList();
  }

  private static int coming(AgentSlots agent, Map<String, Integer> freed) {
    return agent.free() + freed.getOrDefault(agent.agentId(), 0);
  }
}
