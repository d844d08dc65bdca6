package dev.trireme.coordinator.schedule;

import dev.trireme.coordinator.schedule.Scheduler.Demand;
import dev.trireme.coordinator.schedule.Scheduler.Held;
import dev.trireme.coordinator.schedule.Scheduler.Preempt;
import dev.trireme.coordinator.schedule.Scheduler.Resize;
import dev.trireme.coordinator.schedule.Scheduler.RunningJob;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What running jobs must give up so that a waiting one fits. What they have been asked for already
 * counts as given. Then elastic jobs that are not more important shrink, the least important and
 * youngest first; where that is not enough, less important jobs are preempted in the same order.
 * What turns out not to be needed is left alone, whole jobs before single ranks. If all that does
 * not suffice, nobody is asked for anything.
 *
 * <p>A job that must be on one agent gets an offer from each that could hold it: taken is the one
 * with the fewest preempted ranks, then with the fewest given up, then with the most free slots.
 *
 * <p>Cost: O(running log running + ranks given up), and O(agents).
 */
final class Reclaim {
  /**
   * What came of it.
   *
   * @param agent to wait for, by its place; -1 where it is not one
   */
  record Result(int agent, List<Demand> demands) {}

  /** What some agents would give. */
  private record Offer(int agent, int preempted, int givenUp, int free, List<Demand> demands) {}

  private static final Comparator<Offer> BEST =
      Comparator.comparingInt(Offer::preempted)
          .thenComparingInt(Offer::givenUp)
          .thenComparingInt((Offer o) -> -o.free())
          .thenComparingInt(Offer::agent);

  private final WaitingJob head;
  private final Need need;
  private final Room room;
  private final boolean half;

  private Reclaim(WaitingJob head, Need need, Room room, boolean half) {
    this.head = head;
    this.need = need;
    this.room = room;
    this.half = half;
  }

  /**
   * For a job that does not fit now, and would fit the empty cluster.
   *
   * @param half whether the job has ranks already: then others like it, younger or less important,
   *     may have to wait again
   */
  static Result room(
      WaitingJob head, Need need, List<RunningJob> running, Room room, boolean half) {
    Reclaim reclaim = new Reclaim(head, need, room, half);
    if (head.spans()) {
      return reclaim
          .offer(new Trial(room, need, -1), running)
          .map(offer -> new Result(-1, offer.demands()))
          .orElse(new Result(-1, List.of()));
    }
    Map<Integer, List<RunningJob>> there = new HashMap<>();
    for (RunningJob job : running) {
      for (Held held : job.held()) {
        there.computeIfAbsent(room.indexOf(held.agentId()), i -> new ArrayList<>()).add(job);
      }
    }
    Optional<Offer> best = Optional.empty();
    int closest = -1;
    int own = half ? ownAgent(head, running, room) : -1;
    for (int i = 0; i < room.size(); i++) {
      if (room.agent(i).holds(need) >= head.workers().min() && (own < 0 || own == i)) {
        Optional<Offer> offer =
            reclaim.offer(new Trial(room, need, i), there.getOrDefault(i, List.of()));
        if (offer.isPresent() && (best.isEmpty() || BEST.compare(offer.get(), best.get()) < 0)) {
          best = offer;
        }
        closest = closest < 0 || room.fits(i, need) > room.fits(closest, need) ? i : closest;
      }
    }
    int without = closest;
    return best.map(offer -> new Result(offer.agent(), offer.demands()))
        .orElseGet(() -> new Result(without, List.of()));
  }

  /** Where a job's ranks are that must be together; -1 when none is left. */
  private static int ownAgent(WaitingJob head, List<RunningJob> running, Room room) {
    return running.stream()
        .filter(job -> job.jobId().equals(head.jobId()))
        .flatMap(job -> job.held().stream())
        .mapToInt(held -> room.indexOf(held.agentId()))
        .findFirst()
        .orElse(-1);
  }

  private Optional<Offer> offer(Trial trial, List<RunningJob> there) {
    int missing = head.workers().min();
    for (RunningJob job : there) {
      trial.release(job, 0, Math.max(0, job.size() - job.target()));
    }
    List<RunningJob> victims = victims(there);
    Map<String, Integer> gives = new HashMap<>();
    for (RunningJob job : victims) {
      int most = mayShrink(job) ? job.target() - job.workers().min() : 0;
      int give = 0;
      while (give < most && trial.fits() < missing) {
        trial.release(job, leaving(job) + give, 1);
        give++;
      }
      gives.put(job.jobId(), give);
    }
    for (RunningJob job : victims) {
      int given = gives.get(job.jobId());
      if (trial.fits() < missing && mayPreempt(job)) {
        trial.release(job, leaving(job) + given, job.size() - leaving(job) - given);
        gives.put(job.jobId(), job.size() - leaving(job));
      }
    }
    if (trial.fits() < missing) {
      return Optional.empty();
    }
    keepWhatIsNotNeeded(trial, victims, gives);
    return Optional.of(offer(trial, victims, gives));
  }

  private static int leaving(RunningJob job) {
    return Math.max(0, job.size() - job.target());
  }

  /** The least important first, of those the youngest. */
  private List<RunningJob> victims(List<RunningJob> there) {
    List<RunningJob> victims = new ArrayList<>();
    for (int i = there.size() - 1; i >= 0; i--) {
      RunningJob job = there.get(i);
      if (mayShrink(job) || mayPreempt(job)) {
        victims.add(job);
      }
    }
    victims.sort(Comparator.comparingInt(RunningJob::priority));
    return victims;
  }

  private boolean mayShrink(RunningJob job) {
    return job.settled() && job.priority() <= head.priority() && job.target() > job.workers().min();
  }

  private boolean mayPreempt(RunningJob job) {
    if (half && job.lacking() > 0 && job.target() > 0) {
      return !job.jobId().equals(head.jobId()) && job.priority() <= head.priority();
    }
    return job.settled() && job.priority() < head.priority();
  }

  /** Preempting one job for its last slot may have made other things needless. */
  private void keepWhatIsNotNeeded(
      Trial trial, List<RunningJob> victims, Map<String, Integer> gives) {
    int needed = head.workers().min();
    for (int i = victims.size() - 1; i >= 0; i--) {
      RunningJob job = victims.get(i);
      int all = job.size() - leaving(job);
      if (gives.get(job.jobId()) == all && all > 0) {
        trial.retake(job, leaving(job), all);
        if (trial.fits() >= needed) {
          gives.put(job.jobId(), 0);
        } else {
          trial.release(job, leaving(job), all);
        }
      }
    }
    for (int i = victims.size() - 1; i >= 0; i--) {
      RunningJob job = victims.get(i);
      int give = gives.get(job.jobId());
      while (give > 0 && give < job.size() - leaving(job)) {
        trial.retake(job, leaving(job) + give - 1, 1);
        if (trial.fits() < needed) {
          trial.release(job, leaving(job) + give - 1, 1);
          break;
        }
        give--;
      }
      gives.put(job.jobId(), give);
    }
  }

  private Offer offer(Trial trial, List<RunningJob> victims, Map<String, Integer> gives) {
    List<Demand> demands = new ArrayList<>();
    int preempted = 0;
    int givenUp = 0;
    for (RunningJob job : victims) {
      int give = gives.get(job.jobId());
      givenUp += give;
      if (give > 0 && give == job.size() - leaving(job)) {
        preempted += give;
        demands.add(new Preempt(job.jobId(), why(job)));
      } else if (give > 0) {
        demands.add(
            new Resize(
                job.jobId(), job.first(job.target() - give), "makes room for " + head.jobId()));
      }
    }
    int free = trial.only() < 0 ? 0 : room.free(trial.only());
    return new Offer(trial.only(), preempted, givenUp, free, demands);
  }

  private String why(RunningJob job) {
    return job.priority() < head.priority()
        ? "preempted by " + head.jobId() + " of priority " + head.priority()
        : "has lost ranks, and lets " + head.jobId() + " go on, which came before it";
  }
}
