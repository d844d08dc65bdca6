package dev.trireme.coordinator.schedule;

import dev.trireme.api.job.QueueSpec.Placing;
import dev.trireme.api.job.WorkerCount;
import dev.trireme.coordinator.schedule.SchedulingDecision.Form;
import dev.trireme.coordinator.schedule.SchedulingDecision.Wait;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * Decides which of the waiting jobs run, and where, and what running jobs must give up for that.
 * Pure.
 *
 * <ul>
 *   <li><b>Gang.</b> A job gets at least the ranks it needs, all at once, or none; so two
 *       half-placed jobs never wait for each other. It gets as many as it can use and are free, on
 *       as few agents as have them.
 *   <li><b>Order.</b> Higher priority first; then the user who has the fewest slots; then who came
 *       first.
 *   <li><b>Back-fill.</b> The first job that has to wait (the head) has agents reserved that
 *       together can hold it, those with the most free slots, and those behind it may start on the
 *       others. So the room that the head is closest to only grows: what is back-filled never
 *       delays it. A job that the empty cluster could not hold is no head, and holds up nobody.
 *   <li><b>Reclaiming.</b> When the head does not fit, elastic jobs that are not more important
 *       than it shrink; only where that is not enough, less important jobs are preempted, the least
 *       important and youngest first.
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
   * @param shares what it holds, the share with rank 0 first
   * @param target slots that it will hold once what it was asked for is done; 0 for one that ends
   * @param settled whether it can be asked for something now
   */
  public record RunningJob(
      String jobId,
      WorkerCount workers,
      int priority,
      String user,
      List<Share> shares,
      int target,
      boolean settled) {
    public RunningJob {
      shares = List.copyOf(shares);
    }

    /** Slots that it holds. */
    public int size() {
      return Share.total(shares);
    }
  }

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

  /**
   * It may have these slots, which are less, as many, or more than it has.
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
      Optional<List<Share>> found = room.find(job.workers(), job.placing());
      if (found.isPresent()) {
        return form(job, found.get());
      }
      if (head.isPresent()) {
        return new Wait(job.jobId(), "waits behind " + head.get().jobId());
      }
      if (room.capacity() < job.workers().min()) {
        return new Wait(job.jobId(), never(job));
      }
      head = Optional.of(job);
      Reclaim.Result reclaimed = Reclaim.room(job, now, room);
      demands.addAll(reclaimed.demands());
      String lacking =
          "needs " + slots(job.workers().min()) + ", " + room.free() + " free" + reclaimed.reason();
      reclaimed.agents().forEach(room::reserve);
      return new Wait(job.jobId(), lacking);
    }

    private SchedulingDecision form(WaitingJob job, List<Share> shares) {
      int size = Share.total(shares);
      String reason = slots(size) + " on " + where(shares);
      if (size < job.workers().max()) {
        reason += " (of " + job.workers() + " wanted)";
      }
      shares.forEach(share -> room.take(share.agentId(), share.slots()));
      return new Form(job.jobId(), Share.deal(shares), reason);
    }

    private String where(List<Share> shares) {
      if (shares.size() == 1) {
        return "host " + hostOf(shares.get(0));
      }
      return "hosts "
          + shares.stream()
              .map(share -> hostOf(share) + " (" + share.slots() + ")")
              .collect(Collectors.joining(", "));
    }

    private String hostOf(Share share) {
      return room.agent(share.agentId()).map(AgentSlots::host).orElse(share.agentId());
    }

    private String never(WaitingJob job) {
      String need = "needs " + slots(job.workers().min());
      return now.agents().isEmpty()
          ? need + ", no agent has joined"
          : need
              + (now.agents().size() == 1 ? ", the one host has " : ", the hosts together have ")
              + room.capacity();
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
