package dev.trireme.coordinator.schedule;

import dev.trireme.coordinator.schedule.Scheduler.Demand;
import dev.trireme.coordinator.schedule.Scheduler.Held;
import dev.trireme.coordinator.schedule.Scheduler.Resize;
import dev.trireme.coordinator.schedule.Scheduler.RunningJob;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * What jobs behind the head may take without delaying it. Nobody knows when a job will end, so it
 * must not be delayed in whatever order they do.
 *
 * <p><b>Slots that the head cannot use</b> are free for all: those of agents where none of its
 * ranks could be, and, where it computes on CUDA, those beyond what its ranks could take there.
 *
 * <p><b>Slots that it can use, and will not miss.</b> Let it need K ranks where F are free, and let
 * running jobs hold h1, h2, ... of what it can use. It starts as soon as those that have ended held
 * at least D = K - F together. If m is the smallest sum of some of the h that is at least D, then
 * whoever ends first, up to m - D slots are left over when it starts; so many may be lent. As they
 * are taken into account as held from the next decision on, what is lent in all stays within that.
 * (With F = 8 of K = 12 and jobs that hold 8 each, 4 are lent; with one that holds 4, none.)
 *
 * <p>A head that must be on one agent has such a sum for each agent. Where its ranks take several
 * slots, or more than CUDA is short, the sum is no measure, and nothing is lent.
 *
 * <p>Cost: O(running x K / 64), and O(agents).
 */
final class BackfillGuard {
  /** Of what the head can use: how much there is, how much is free, and what each job holds. */
  private static final class Pool {
    private long total;
    private long free;
    private final List<Integer> holdings = new ArrayList<>();
    private int leaves;
    private int stays;

    void add(AgentRoom agent, int freeNow, int all) {
      total += all;
      free += freeNow;
    }

    /** What a job holds of it, on one of its agents. */
    void hold(int amount, int leaving) {
      leaves += leaving;
      stays += amount - leaving;
    }

    /** That was all of the job's: what it has been asked for goes before the rest. */
    void endOfJob() {
      if (leaves > 0) {
        holdings.add(leaves);
      }
      if (stays > 0) {
        holdings.add(stays);
      }
      leaves = 0;
      stays = 0;
    }

    /** How much of what is free will not be missed. */
    int spare(int needed) {
      long held = 0;
      for (int each : holdings) {
        held += each;
      }
      int missing = (int) (needed - free);
      // Somebody unknown holds slots, who may let go of any number of them.
      boolean known = free + held == total;
      if (missing <= 0) {
        return (int) free - needed;
      }
      return known ? (int) Math.min(free, Sums.gap(holdings, missing, needed)) : 0;
    }
  }

  private final boolean plain;
  private int budget;

  private BackfillGuard(boolean plain, int budget) {
    this.plain = plain;
    this.budget = budget;
  }

  /**
   * Closes the room to those behind the head, but for what it will not miss.
   *
   * @param asked what running jobs have been asked to give up in this decision
   */
  static BackfillGuard of(
      WaitingJob head, Need need, List<RunningJob> running, List<Demand> asked, Room room) {
    boolean measured = need.isPlain() && (!need.cuda() || !slotsAreShort(running, room));
    Pool[] pools = new Pool[room.size()];
    Pool all = new Pool();
    for (int i = 0; i < pools.length; i++) {
      AgentRoom agent = room.agent(i);
      int each = room.slotsFor(i, need);
      if (each > 0 && (head.spans() || agent.holds(need) >= head.workers().min())) {
        pools[i] = head.spans() ? all : new Pool();
        pools[i].add(
            agent,
            need.cuda() ? room.cudaFree(i) : room.free(i),
            need.cuda() ? agent.cudaSlots() : agent.slots());
        room.guard(
            i,
            need.cuda() ? room.free(i) - each * agent.cudaSlots() : 0,
            need.cuda() ? 0 : room.cudaFree(i));
      }
    }
    if (!measured) {
      return new BackfillGuard(false, 0);
    }
    fill(pools, need, running, targets(asked), room);
    int needed = head.workers().min();
    if (head.spans()) {
      return new BackfillGuard(true, all.spare(needed));
    }
    for (int i = 0; i < pools.length; i++) {
      if (pools[i] != null && !need.cuda()) {
        room.guard(i, pools[i].spare(needed), room.cudaFree(i));
      }
    }
    return new BackfillGuard(false, 0);
  }

  /** Ranks that jobs will have once they have done what they are asked for in this decision. */
  private static Map<String, Integer> targets(List<Demand> asked) {
    Map<String, Integer> targets = new HashMap<>();
    for (Demand demand : asked) {
      targets.put(demand.jobId(), demand instanceof Resize resize ? resize.to() : 0);
    }
    return targets;
  }

  private static void fill(
      Pool[] pools, Need need, List<RunningJob> running, Map<String, Integer> targets, Room room) {
    for (RunningJob job : running) {
      int stay = targets.getOrDefault(job.jobId(), Math.min(job.target(), job.size()));
      for (Held held : job.held()) {
        int i = room.indexOf(held.agentId());
        int leaving = Math.max(0, held.ranks() - stay);
        stay = Math.max(0, stay - held.ranks());
        if (i >= 0 && pools[i] != null) {
          int has = need.cuda() ? held.cuda() : held.slots();
          pools[i].hold(has, has * leaving / held.ranks());
        }
      }
      for (Held held : job.held()) {
        int i = room.indexOf(held.agentId());
        if (i >= 0 && pools[i] != null) {
          pools[i].endOfJob();
        }
      }
    }
  }

  /** Whether CUDA slots could be free somewhere that no slot is free for. */
  private static boolean slotsAreShort(List<RunningJob> running, Room room) {
    for (int i = 0; i < room.size(); i++) {
      if (room.agent(i).cudaSlots() > 0 && room.free(i) < room.cudaFree(i)) {
        return true;
      }
    }
    return running.stream().flatMap(job -> job.held().stream()).anyMatch(h -> h.slots() < h.cuda());
  }

  /** Ranks with this need for which the head's own slots may be taken. */
  int spare(Need need) {
    return plain && need.isPlain() ? budget : 0;
  }

  /** So many ranks have taken of the head's own slots. */
  void spend(int ranks) {
    budget -= ranks;
  }
}
