package dev.trireme.coordinator.schedule;

import dev.trireme.coordinator.schedule.Scheduler.AgentSlots;
import dev.trireme.coordinator.schedule.Scheduler.Demand;
import dev.trireme.coordinator.schedule.Scheduler.Resize;
import dev.trireme.coordinator.schedule.Scheduler.RunningJob;
import dev.trireme.coordinator.schedule.Scheduler.WaitingJob;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Gives free slots to elastic jobs that could use more: the most important first, then the least.
 */
final class Growth {
  private Growth() {}

  static List<Demand> into(Room room, List<RunningJob> running) {
    List<Demand> demands = new ArrayList<>();
    running.stream()
        .filter(job -> job.settled() && job.target() < job.workers().max())
        .sorted(
            Comparator.comparingInt((RunningJob job) -> -job.priority())
                .thenComparingInt(RunningJob::target))
        .forEach(
            job -> {
              Optional<AgentSlots> agent = room.agent(job.agentId());
              int more =
                  Math.min(
                      job.workers().max() - job.target(), agent.map(AgentSlots::free).orElse(0));
              if (more > 0) {
                room.take(job.agentId(), more);
                demands.add(new Resize(job.jobId(), job.target() + more, "slots are free"));
              }
            });
    return demands;
  }

  /**
   * While a job waits nobody grows.
   *
   * @param demands of jobs that are asked for something else
   */
  static List<Demand> none(WaitingJob head, List<RunningJob> running, List<Demand> demands) {
    Set<String> asked = demands.stream().map(Demand::jobId).collect(Collectors.toSet());
    List<Demand> still = new ArrayList<>();
    for (RunningJob job : running) {
      if (job.settled() && job.target() < job.workers().max() && !asked.contains(job.jobId())) {
        still.add(new Resize(job.jobId(), job.target(), head.jobId() + " waits"));
      }
    }
    return still;
  }
}
