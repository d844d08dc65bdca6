package dev.trireme.coordinator.schedule;

import dev.trireme.api.job.QueueSpec.Placing;
import dev.trireme.api.job.WorkerCount;
import dev.trireme.coordinator.schedule.SchedulingDecision.Form;
import dev.trireme.coordinator.schedule.SchedulingDecision.Placement;
import dev.trireme.coordinator.schedule.SchedulingDecision.Wait;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * Decides which of the waiting jobs run, and where, and what running jobs must give up for that.
 * Pure.
 *
 * <ul>
 *   <li><b>Gang.</b> A job gets at least the ranks it needs, all at once, or none; so two
 *       half-placed jobs never wait for each other. Its ranks share a host, because the transport
 *       between ranks does not cross hosts yet; it gets as many as it can use and that host has.
 *   <li><b>Order.</b> Higher priority first; then the user who has the fewest slots; then who came
 *       first.
 *   <li><b>Back-fill.</b> The first job that has to wait (the head) has the host with the most free
 *       slots reserved, and those behind it may start on the others. So the room that the head is
 *       closest to only grows: what is back-filled never delays it. A job that no host could hold
 *       if it were empty is no head, and holds up nobody.
 *   <li><b>Reclaiming.</b> When the head fits nowhere, elastic jobs that are not more important
 *       than it shrink; only where that is not enough, less important jobs are preempted, the least
 *       important and youngest first, on the host where the fewest have to be.
 *   <li><b>Growing.</b> While no job waits that could run, elastic jobs grow into what is free.
 * </ul>
 *
 * <p>None starves that fits the empty cluster and is not outranked for ever: the head's room only
 * grows, and as the jobs there end it starts. Cost: O(jobs log (jobs x agents) + running jobs).
 */
public final class Scheduler {
  private Scheduler() {}

  /**
   * A job that waits.
   *
   * @param workers how many ranks it can use
   * @param priority more goes first
   * @param user whose it is, for the fair share
   * @param placing which host it prefers
   */
  public record WaitingJob(
      String jobId, WorkerCount workers, int priority, String user, Placing placing) {
    /** Of nobody in particular, with the usual priority. */
    public WaitingJob(String jobId, WorkerCount workers) {
      this(jobId, workers, 0, "", Placing.PACK);
    }
  }

  /**
   * A job that holds slots.
   *
   * @param workers how many ranks it can use
   * @param agentId where they are
   * @param size slots that it holds
   * @param target slots that it will hold once what it was asked for is done; 0 for one that ends
   * @param settled whether it can be asked for something now
   */
  public record RunningJob(
      String jobId,
      WorkerCount workers,
      int priority,
      String user,
      String agentId,
      int size,
      int target,
      boolean settled) {}

  /**
   * An agent's room.
   *
   * @param host its host's name
   * @param free slots, at least 0
   * @param total slots it has, at least {@code free}
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
   */
  public record Situation(
      List<WaitingJob> queue, List<RunningJob> running, List<AgentSlots> agents) {
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

  /** It may have this many ranks, which is less, as many, or more than it has. */
  public record Resize(String jobId, int to, String reason) implements Demand {}

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

  /** One decision for each waiting job, where none runs. */
  public static List<SchedulingDecision> decide(List<WaitingJob> queue, List<AgentSlots> agents) {
    return decide(new Situation(queue, List.of(), agents)).decisions();
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
    private Optional<WaitingJob> head = Optional.empty();

    Round(Situation now) {
      this.now = now;
      this.room = new Room(now.agents());
      this.order = new FairOrder(now.queue(), now.running());
      this.decisions = new SchedulingDecision[now.queue().size()];
    }

    Plan decide() {
      for (Optional<Integer> next = order.next(); next.isPresent(); next = order.next()) {
        WaitingJob job = now.queue().get(next.get());
        SchedulingDecision decision = place(job);
        decisions[next.get()] = decision;
        order.given(job.user(), decision instanceof Form form ? form.worldSize() : 0);
      }
      if (head.isEmpty()) {
        demands.addAll(Growth.into(room, now.running()));
      } else {
        demands.addAll(Growth.none(head.get(), now.running(), demands));
      }
      return new Plan(List.of(decisions), demands);
    }

    private SchedulingDecision place(WaitingJob job) {
      Optional<AgentSlots> found = room.find(job.workers(), job.placing());
      if (found.isPresent()) {
        return form(job, found.get());
      }
      if (head.isPresent()) {
        return new Wait(job.jobId(), "waits behind " + head.get().jobId());
      }
      if (room.largest() < job.workers().min()) {
        return new Wait(job.jobId(), never(job));
      }
      head = Optional.of(job);
      Reclaim.Result reclaimed = Reclaim.room(job, now, room);
      demands.addAll(reclaimed.demands());
      SchedulingDecision wait = new Wait(job.jobId(), lacking(job) + reclaimed.reason());
      room.reserve(reclaimed.agentId());
      return wait;
    }

    private SchedulingDecision form(WaitingJob job, AgentSlots agent) {
      WorkerCount workers = job.workers();
      int size = Math.min(workers.max(), agent.free());
      room.take(agent.agentId(), size);
      String reason = slots(size) + " on host " + agent.host();
      if (size < workers.max()) {
        reason += " (of " + workers + " wanted)";
      }
      List<Integer> ranks = IntStream.range(0, size).boxed().toList();
      return new Form(job.jobId(), List.of(new Placement(agent.agentId(), ranks)), reason);
    }

    private String never(WaitingJob job) {
      String need = "needs " + slots(job.workers().min());
      if (now.agents().isEmpty()) {
        return need + ", no agent has joined";
      }
      return need
          + (now.agents().size() == 1 ? ", the one host has " : " on one host, the largest has ")
          + room.largest();
    }

    private String lacking(WaitingJob job) {
      AgentSlots most = room.mostFree().orElseThrow();
      String where =
          now.agents().size() == 1 ? ", " : " on one host, " + most.host() + " has most with ";
      return "needs " + slots(job.workers().min()) + where + most.free() + " free";
    }
  }

  static String slots(int count) {
    return count == 1 ? "1 slot" : count + " slots";
  }

  /** Slots that each user has. */
  static Map<String, Integer> usage(List<RunningJob> running) {
    Map<String, Integer> usage = new HashMap<>();
    running.forEach(job -> usage.merge(job.user(), job.size(), Integer::sum));
    return usage;
  }
}
