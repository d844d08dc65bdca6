package dev.trireme.coordinator.schedule;

import dev.trireme.api.job.WorkerCount;
import dev.trireme.coordinator.schedule.Room.Gang;
import dev.trireme.coordinator.schedule.SchedulingDecision.Behind;
import dev.trireme.coordinator.schedule.SchedulingDecision.Form;
import dev.trireme.coordinator.schedule.SchedulingDecision.Wait;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * Decides which of the waiting jobs run, and where, and what running jobs must give up for that.
 * Pure.
 *
 * <ul>
 *   <li><b>Gang.</b> A job gets at least the ranks it needs, all at once, or none; so two
 *       half-placed jobs never wait for each other. It gets as many as it can use and are free. One
 *       that runs and has lost ranks it cannot do without goes before all that wait; where two such
 *       jobs hold what the other lacks, the less important one waits again ({@link Half}).
 *   <li><b>Order.</b> Higher priority first; then who has waited for longer than {@link #PATIENCE};
 *       then the user with the smallest share; then who came first ({@link FairOrder}).
 *   <li><b>Back-fill.</b> The first job that has to wait is the head. Those behind it may start
 *       where that cannot delay it, whatever ends first ({@link BackfillGuard}). A job that the
 *       cluster could not hold if it were empty is no head, and holds up nobody.
 *   <li><b>Reclaiming.</b> Where the head does not fit, elastic jobs that are not more important
 *       shrink; only where that is not enough, less important jobs are preempted ({@link Reclaim}).
 *   <li><b>Growing.</b> While no job waits that could run, elastic jobs grow into what is free.
 * </ul>
 *
 * <p>None starves that fits the empty cluster and is not outranked for ever: what is free only
 * grows while the head waits, or what is taken of it will not be missed.
 *
 * <p>Cost: O(jobs + running + agents) for going through them once, without sorting; and for each
 * job looked at O(agents with free slots), where none of its kind was refused before. Behind the
 * head at most {@value #MAX_BEHIND} are looked at.
 */
public final class Scheduler {
  /** Jobs behind the head that are looked at; more would cost time and hardly fill a gap more. */
  static final int MAX_BEHIND = 200;

  /** Who has waited for longer goes before others of its priority, whatever its user has. */
  static final Duration PATIENCE = Duration.ofHours(1);

  private Scheduler() {}

  /**
   * What a job has of an agent.
   *
   * @param ranks there, at least 1
   * @param slots that these take, at least as many as ranks
   * @param cuda slots that these take
   */
  public record Held(String agentId, int ranks, int slots, int cuda) {}

  /**
   * A job that holds slots.
   *
   * @param workers how many ranks it can use
   * @param need what each of them takes
   * @param held in order of rank: who leaves when it shrinks leaves from the end
   * @param target ranks that it will have once what it was asked for is done; 0 for one that ends
   * @param settled whether it can be asked for something now
   * @param lacking ranks without which it cannot go on, which it waits for; 0 for one that goes on
   * @param spans whether its ranks may be on several agents
   */
  public record RunningJob(
      String jobId,
      WorkerCount workers,
      Need need,
      int priority,
      String user,
      List<Held> held,
      int target,
      boolean settled,
      int lacking,
      boolean spans) {
    public RunningJob {
      held = List.copyOf(held);
    }

    /** The first of its ranks, agent by agent. */
    List<Share> first(int count) {
      return Share.first(
          count, held.stream().map(each -> new Share(each.agentId(), each.ranks())).toList());
    }

    /** Ranks that it has. */
    public int size() {
      int size = 0;
      for (Held each : held) {
        size += each.ranks();
      }
      return size;
    }
  }

  /**
   * An agent's room as one job sees it: in ranks of that job.
   *
   * @param host its host's name
   * @param free ranks that fit, at least 0
   * @param total ranks it could hold, at least {@code free}
   */
  public record AgentSlots(String agentId, String host, int free, int total) {
    /** One whose slots are all free. */
    public AgentSlots(String agentId, String host, int free) {
      this(agentId, host, free, free);
    }
  }

  /**
   * All that the decision depends on.
   *
   * @param queue oldest first
   * @param running oldest first
   * @param agents that have joined, in any order, which changes nothing
   * @param millis now, since 1970 UTC
   */
  public record Situation(
      List<WaitingJob> queue, List<RunningJob> running, List<AgentRoom> agents, long millis) {
    public Situation {
      queue = List.copyOf(queue);
      running = List.copyOf(running);
      agents = List.copyOf(agents);
    }
  }

  /** What a running job is to do. */
  public sealed interface Demand {
    /** The job. */
    String jobId();

    /** Why, for people. */
    String reason();
  }

  /**
   * It may have these ranks, which are less, as many, or more than it has.
   *
   * @param shares what it has, without those that it gives up or with those that it is given
   */
  public record Resize(String jobId, List<Share> shares, String reason) implements Demand {
    public Resize {
      shares = List.copyOf(shares);
    }

    /** How many ranks it may have. */
    public int to() {
      return Share.total(shares);
    }
  }

  /** It is to save its state, end its ranks and wait again. */
  public record Preempt(String jobId, String reason) implements Demand {}

  /**
   * The decision.
   *
   * @param decisions one for each waiting job, in the order of the queue
   * @param demands at most one for each running job
   */
  public record Plan(List<SchedulingDecision> decisions, List<Demand> demands) {
    public Plan {
      decisions = List.copyOf(decisions);
      demands = List.copyOf(demands);
    }
  }

  /** Decides. */
  public static Plan decide(Situation now) {
    return new Round(now).decide();
  }

  /** One decision in the making. */
  private static final class Round {
    private final Situation now;
    private final Room room;
    private final FairOrder order;
    private final SchedulingDecision[] decisions;
    private final List<Demand> demands = new ArrayList<>();
    private Optional<BackfillGuard> guard = Optional.empty();
    private String behind = "";

    Round(Situation now) {
      this.now = now;
      this.room = new Room(now.agents());
      this.order = new FairOrder(now);
      this.decisions = new SchedulingDecision[now.queue().size()];
    }

    Plan decide() {
      now.running().stream()
          .filter(job -> job.lacking() > 0)
          .min(Comparator.comparingInt((RunningJob job) -> -job.priority()))
          .ifPresent(this::makeWhole);
      int looked = 0;
      for (int next = order.next();
          next >= 0 && (guard.isEmpty() || looked++ < MAX_BEHIND);
          next = order.next()) {
        WaitingJob job = now.queue().get(next);
        Need need = room.resolve(job);
        Gang gang = guard.isEmpty() ? first(job, need, next) : later(job, need, next);
        int slots = room.slots(gang, need);
        order.given(job.user(), slots, need.cuda() ? gang.size() : 0);
      }
      for (int i = 0; i < decisions.length; i++) {
        if (decisions[i] == null) {
          decisions[i] = new Behind(now.queue().get(i).jobId(), behind);
        }
      }
      if (guard.isEmpty()) {
        demands.addAll(Growth.into(room, now.running()));
      } else {
        demands.addAll(Growth.none(now.running(), demands));
      }
      return new Plan(List.of(decisions), demands);
    }

    /** The most important job that has lost ranks comes before all that wait. */
    private void makeWhole(RunningJob job) {
      Half half = Half.of(job, now.running(), room);
      demands.addAll(half.demands());
      wait(job.jobId(), half.asWaiting(), job.need(), half.demands());
    }

    /** Nobody waits before this one. */
    private Gang first(WaitingJob job, Need need, int place) {
      Gang gang = room.find(job, need, job.workers().max(), false);
      if (!gang.isEmpty()) {
        form(job, need, gang, place);
      } else if (room.capacity(need, job.spans()) < job.workers().min()) {
        decisions[place] = new Wait(job.jobId(), Reasons.never(job, need, room));
      } else {
        Reclaim.Result reclaimed = Reclaim.room(job, need, now.running(), room, false);
        demands.addAll(reclaimed.demands());
        String reason = Reasons.lacking(job, need, now.running(), room, reclaimed);
        decisions[place] = new Wait(job.jobId(), reason);
        wait(job.jobId(), job, need, reclaimed.demands());
      }
      return gang;
    }

    private void wait(String jobId, WaitingJob head, Need need, List<Demand> asked) {
      guard = Optional.of(BackfillGuard.of(head, need, now.running(), asked, room));
      behind = "waits behind " + jobId;
    }

    /** Some job waits before this one. */
    private Gang later(WaitingJob job, Need need, int place) {
      int most = guard.orElseThrow().spare(need);
      Gang gang = room.find(job, need, job.workers().max(), true);
      if (gang.isEmpty() && most >= job.workers().min()) {
        gang = room.find(job, need, Math.min(most, job.workers().max()), false);
        guard.get().spend(gang.size());
      }
      if (!gang.isEmpty()) {
        form(job, need, gang, place);
      } else if (room.capacity(need, job.spans()) < job.workers().min()) {
        decisions[place] = new Wait(job.jobId(), Reasons.never(job, need, room));
      }
      return gang;
    }

    private void form(WaitingJob job, Need need, Gang gang, int place) {
      room.take(gang, need);
      List<Share> shares =
          gang.parts().stream()
              .map(part -> new Share(room.agent(part.agent()).agentId(), part.ranks()))
              .toList();
      decisions[place] =
          new Form(
              job.jobId(),
              Share.deal(shares),
              Reasons.formed(job, need, gang, room),
              need.device());
    }
  }
}
