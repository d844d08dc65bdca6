package dev.trireme.coordinator.schedule;

import dev.trireme.coordinator.schedule.Room.Gang;
import dev.trireme.coordinator.schedule.Room.Gang.Part;
import dev.trireme.coordinator.schedule.Scheduler.Demand;
import dev.trireme.coordinator.schedule.Scheduler.Held;
import dev.trireme.coordinator.schedule.Scheduler.Resize;
import dev.trireme.coordinator.schedule.Scheduler.RunningJob;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Gives free slots to elastic jobs that could use more: the most important first, then the
 * smallest; on the agents where the job is, then on others where it may span.
 */
final class Growth {
  private Growth() {}

  static List<Demand> into(Room room, List<RunningJob> running) {
    List<Demand> demands = new ArrayList<>();
    if (room.withRoom().length == 0) {
      return demands;
    }
    running.stream()
        .filter(job -> job.settled() && job.target() < job.workers().max())
        .sorted(
            Comparator.comparingInt((RunningJob job) -> -job.priority())
                .thenComparingInt(RunningJob::target))
        .forEach(
            job -> {
              List<Share> grown = grow(room, job);
              if (Share.total(grown) > job.target()) {
                demands.add(new Resize(job.jobId(), grown, "slots are free"));
              }
            });
    return demands;
  }

  private static List<Share> grow(Room room, RunningJob job) {
    int left = job.workers().max() - job.target();
    List<Part> parts = new ArrayList<>();
    for (Held held : job.held()) {
      int i = room.indexOf(held.agentId());
      if (i >= 0) {
        left -= add(parts, i, Math.min(left, room.fits(i, job.need())));
      }
    }
    for (int i : job.spans() ? room.withRoom() : new int[0]) {
      int place = i;
      if (left > 0 && parts.stream().noneMatch(part -> part.agent() == place)) {
        left -= add(parts, i, Math.min(left, room.fits(i, job.need())));
      }
    }
    room.take(new Gang(parts), job.need());
    List<Share> grown = job.first(job.target());
    for (Part part : parts) {
      grown = Share.plus(grown, room.agent(part.agent()).agentId(), part.ranks());
    }
    return grown;
  }

  private static int add(List<Part> parts, int agent, int ranks) {
    if (ranks > 0) {
      parts.add(new Part(agent, ranks));
    }
    return ranks;
  }

  /**
   * While a job waits nobody grows.
   *
   * @param demands of jobs that are asked for something else
   */
  static List<Demand> none(List<RunningJob> running, List<Demand> demands) {
    Set<String> asked = demands.stream().map(Demand::jobId).collect(Collectors.toSet());
    List<Demand> still = new ArrayList<>();
    for (RunningJob job : running) {
      if (job.settled() && job.target() < job.workers().max() && !asked.contains(job.jobId())) {
        still.add(new Resize(job.jobId(), job.first(job.target()), "others wait"));
      }
    }
    return still;
  }
}
