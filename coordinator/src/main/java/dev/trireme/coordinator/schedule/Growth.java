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
 * First where a job is already, then on the emptiest other agents.
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
              List<Share> grown = grown(room, job);
              if (Share.total(grown) > job.target()) {
                demands.add(new Resize(job.jobId(), grown, "slots are free"));
              }
            });
    return demands;
  }

  private static List<Share> grown(Room room, RunningJob job) {
    List<Share> shares = Share.first(job.target(), job.shares());
    int wanted = job.workers().max() - job.target();
    for (Share share : List.copyOf(shares)) {
      int free = room.agent(share.agentId()).map(AgentSlots::free).orElse(0);
      int more = Math.min(wanted, free);
      if (more > 0) {
        room.take(share.agentId(), more);
        shares = Share.plus(shares, share.agentId(), more);
        wanted -= more;
      }
    }
    for (Optional<AgentSlots> next = room.mostFree();
        wanted > 0 && next.isPresent();
        next = room.mostFree()) {
      int more = Math.min(wanted, next.get().free());
      room.take(next.get().agentId(), more);
      shares = Share.plus(shares, next.get().agentId(), more);
      wanted -= more;
    }
    return shares;
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
        still.add(
            new Resize(
                job.jobId(), Share.first(job.target(), job.shares()), head.jobId() + " waits"));
      }
    }
    return still;
  }
}
