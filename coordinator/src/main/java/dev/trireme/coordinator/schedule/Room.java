package dev.trireme.coordinator.schedule;

import dev.trireme.api.job.ParallelSpec.DeviceKind;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The free slots of all agents while a decision is being made.
 *
 * <p>Room only shrinks meanwhile. So what did not fit once will not fit later: the smallest gang of
 * a kind that was refused is remembered, and the next one of that kind costs O(1). A gang that is
 * looked at costs O(agents with a free slot), and of agents alike the first by name is meant, so
 * that the same situation gives the same decision.
 */
final class Room {
  /** What a gang's fitting depends on, beside its size. */
  private record Kind(Need need, boolean spans, boolean onlyOpen) {}

  private final List<AgentRoom> agents;
  private final Map<String, Integer> byId = new HashMap<>();
  private final int[] free;
  private final int[] cuda;

  /** Of those, what jobs behind the head may take without a thought. */
  private final int[] open;

  private final int[] openCuda;
  private long freeSlots;
  private long openSlots;

  /** Slots that each rank takes, by agent: worked out once for each need. */
  private final Map<Need, int[]> each = new HashMap<>();

  private final Map<Kind, Integer> refused = new HashMap<>();
  private final Map<Kind, Integer> capacity = new HashMap<>();
  private int[] candidates;

  Room(List<AgentRoom> all) {
    agents = all.stream().sorted(Comparator.comparing(AgentRoom::agentId)).toList();
    free = new int[agents.size()];
    cuda = new int[agents.size()];
    candidates = new int[agents.size()];
    int count = 0;
    for (int i = 0; i < free.length; i++) {
      AgentRoom agent = agents.get(i);
      byId.put(agent.agentId(), i);
      free[i] = agent.free();
      cuda[i] = agent.cudaFree();
      freeSlots += free[i];
      if (free[i] > 0) {
        candidates[count++] = i;
      }
    }
    openSlots = freeSlots;
    candidates = Arrays.copyOf(candidates, count);
    open = free.clone();
    openCuda = cuda.clone();
  }

  int size() {
    return free.length;
  }

  AgentRoom agent(int index) {
    return agents.get(index);
  }

  /** The place of an agent; -1 when there is no such agent any more. */
  int indexOf(String agentId) {
    return byId.getOrDefault(agentId, -1);
  }

  int free(int index) {
    return free[index];
  }

  int cudaFree(int index) {
    return cuda[index];
  }

  /** A job's need once it is known what it computes on. */
  Need resolve(WaitingJob job) {
    if (job.need().device() != DeviceKind.AUTO) {
      return job.need();
    }
    Need onCuda = job.need().on(DeviceKind.CUDA);
    return capacity(onCuda, job.spans()) >= job.workers().min()
        ? onCuda
        : job.need().on(DeviceKind.CPU);
  }

  /** The most ranks that would fit if nothing ran; on one agent where the job must not span. */
  int capacity(Need need, boolean spans) {
    return capacity.computeIfAbsent(
        new Kind(need, spans, false),
        kind -> {
          int[] taken = each(need);
          int sum = 0;
          int most = 0;
          for (int i = 0; i < taken.length; i++) {
            AgentRoom agent = agents.get(i);
            int there = ranks(taken[i], need, agent.slots(), agent.cudaSlots());
            sum += there;
            most = Math.max(most, there);
          }
          return spans ? sum : most;
        });
  }

  /** Agents with a free slot. */
  int[] withRoom() {
    return candidates;
  }

  private int[] each(Need need) {
    return each.computeIfAbsent(
        need,
        n -> {
          int[] slots = new int[agents.size()];
          for (int i = 0; i < slots.length; i++) {
            slots[i] = agents.get(i).slotsFor(n);
          }
          return slots;
        });
  }

  private static int ranks(int each, Need need, int freeSlots, int freeCuda) {
    if (each == 0) {
      return 0;
    }
    int fit = each == 1 ? freeSlots : freeSlots / each;
    return need.cuda() ? Math.min(fit, freeCuda) : fit;
  }

  /** Slots that each rank takes on an agent; 0 where none can be. */
  int slotsFor(int index, Need need) {
    return each(need)[index];
  }

  /** Ranks that would fit on an agent if so much of it were free. */
  int fits(int index, Need need, int freeSlots, int freeCuda) {
    return ranks(each(need)[index], need, freeSlots, freeCuda);
  }

  /** Ranks that fit on an agent now. */
  int fits(int index, Need need) {
    return ranks(each(need)[index], need, free[index], cuda[index]);
  }

  /** Ranks that fit now: in all, or on the agent that holds most. */
  int fits(Need need, boolean spans) {
    int sum = 0;
    int most = 0;
    for (int i : candidates) {
      int there = fits(i, need);
      sum += there;
      most = Math.max(most, there);
    }
    return spans ? sum : most;
  }

  /** Whether one of its kind, no larger, has been refused already. */
  boolean isHopeless(WaitingJob job, Need need, boolean onlyOpen) {
    Integer smallest = refused.get(new Kind(need, job.spans(), onlyOpen));
    return smallest != null && job.workers().min() >= smallest;
  }

  /**
   * Chooses agents for a gang, and takes nothing.
   *
   * @param max more ranks than this are not wanted
   * @param onlyOpen whether to keep to what jobs behind the head may take
   * @return empty when fewer ranks fit than it needs
   */
  Gang find(WaitingJob job, Need need, int max, boolean onlyOpen) {
    boolean tooFew = (onlyOpen ? openSlots : freeSlots) < job.workers().min();
    if (tooFew || isHopeless(job, need, onlyOpen)) {
      return Gang.NONE;
    }
    int[] taken = each(need);
    int[] slots = onlyOpen ? open : free;
    int[] devices = onlyOpen ? openCuda : cuda;
    Gang gang =
        Packing.choose(
            job.workers().min(),
            max,
            job.spans(),
            job.placing(),
            candidates,
            i -> ranks(taken[i], need, slots[i], devices[i]),
            i -> !need.cuda() && cuda[i] > 0);
    if (gang.isEmpty()) {
      refused.merge(new Kind(need, job.spans(), onlyOpen), job.workers().min(), Math::min);
    }
    return gang;
  }

  /** Ranks here and there: by agent's place, in the order in which they are numbered. */
  record Gang(List<Part> parts) {
    static final Gang NONE = new Gang(List.of());

    /** Some of its ranks. */
    record Part(int agent, int ranks) {}

    boolean isEmpty() {
      return parts.isEmpty();
    }

    int size() {
      return parts.stream().mapToInt(Part::ranks).sum();
    }
  }

  /** Slots that a gang takes. */
  int slots(Gang gang, Need need) {
    return gang.parts().stream()
        .mapToInt(part -> part.ranks() * slotsFor(part.agent(), need))
        .sum();
  }

  /** These are taken. */
  void take(Gang gang, Need need) {
    gang.parts().forEach(part -> take(part.agent(), part.ranks(), need));
    int count = 0;
    for (int i : candidates) {
      if (free[i] > 0) {
        candidates[count++] = i;
      }
    }
    candidates = Arrays.copyOf(candidates, count);
  }

  private void take(int i, int ranks, Need need) {
    int slots = ranks * slotsFor(i, need);
    free[i] -= slots;
    freeSlots -= slots;
    int closed = open[i];
    open[i] = Math.max(0, Math.min(free[i], open[i] - slots));
    openSlots += open[i] - closed;
    if (need.cuda()) {
      cuda[i] -= ranks;
      openCuda[i] = Math.max(0, Math.min(cuda[i], openCuda[i] - ranks));
    }
  }

  /** From now on jobs behind the head may take so much there without a thought. */
  void guard(int index, int slots, int cudaSlots) {
    int before = open[index];
    open[index] = Math.max(0, Math.min(free[index], slots));
    openSlots += open[index] - before;
    openCuda[index] = Math.max(0, Math.min(cuda[index], cudaSlots));
  }
}
