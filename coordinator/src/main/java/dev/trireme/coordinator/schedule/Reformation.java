package dev.trireme.coordinator.schedule;

import dev.trireme.api.job.WorkerCount;
import dev.trireme.coordinator.schedule.Scheduler.AgentSlots;
import dev.trireme.coordinator.schedule.SchedulingDecision.Form;
import dev.trireme.coordinator.schedule.SchedulingDecision.Placement;
import dev.trireme.coordinator.schedule.SchedulingDecision.Wait;
import dev.trireme.protocol.StateSource;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Decides the next formation of a job whose last one is over: which survivors become which ranks,
 * where replacements start, and whose state goes on; or what is to be waited for. Pure.
 *
 * <ul>
 *   <li>The source of state is the sound survivor with the highest applied step, of several the one
 *       with the lowest rank. Without a sound survivor, state comes from the newest checkpoint.
 *   <li>An elastic job goes on with the survivors at once where they suffice, for to wait for a
 *       replacement would cost more steps than it brings; it grows when one is ready. Other jobs
 *       get replacements.
 *   <li>New ranks start where the job has ranks already, then on the fewest other agents, the
 *       emptiest first.
 *   <li>A survivor keeps its rank where there are new ones; those with numbers too high fill the
 *       gaps. Where nobody is new, all move up and keep their order, so that NCCL can make their
 *       communicator of the one that is left. Who is one too many leaves: first on agents where the
 *       job is to have less, the highest rank first, and never the source.
 * </ul>
 *
 * <p>Cost: O(ranks log ranks + agents log agents).
 */
public final class Reformation {
  private Reformation() {}

  /**
   * A rank that lives and has left the old formation.
   *
   * @param rank it was
   * @param pid of its process
   * @param appliedStep the last step it has applied
   * @param sound whether it holds the state after that step
   */
  public record Survivor(int rank, String agentId, long pid, long appliedStep, boolean sound) {}

  /**
   * All that the decision depends on.
   *
   * @param workers that the job can use
   * @param target number of ranks wanted, within {@code workers}
   * @param survivors in any order
   * @param agents that have joined, with the slots that are free beside the survivors' own
   * @param excluded hosts that get no new ranks while another host has joined
   * @param everReady whether any formation of the job ever had a state
   * @param spares processes ready to become ranks, by agent
   * @param allowed the slots it may have, where somebody has said
   */
  public record Situation(
      String jobId,
      WorkerCount workers,
      int target,
      List<Survivor> survivors,
      List<AgentSlots> agents,
      Set<String> excluded,
      boolean everReady,
      Map<String, Integer> spares,
      Optional<List<Share>> allowed) {
    public Situation {
      survivors = List.copyOf(survivors);
      agents = List.copyOf(agents);
      excluded = Set.copyOf(excluded);
      spares = Map.copyOf(spares);
    }

    /** Nobody has said which slots it may have. */
    public Situation(
        String jobId,
        WorkerCount workers,
        int target,
        List<Survivor> survivors,
        List<AgentSlots> agents,
        Set<String> excluded,
        boolean everReady,
        Map<String, Integer> spares) {
      this(
          jobId, workers, target, survivors, agents, excluded, everReady, spares, Optional.empty());
    }
  }

  /** Decides. */
  public static SchedulingDecision decide(Situation now) {
    Optional<Survivor> source = source(now.survivors());
    int size = Math.max(now.target(), now.workers().min());
    List<Survivor> kept = kept(now, size, source);
    List<String> fresh = fresh(now, kept, size - kept.size());
    if (kept.size() + fresh.size() < now.workers().min()) {
      return new Wait(now.jobId(), lacking(now, kept.size()));
    }
    return form(now, kept, fresh, source);
  }

  private static Optional<Survivor> source(List<Survivor> survivors) {
    return survivors.stream()
        .filter(Survivor::sound)
        .max(
            Comparator.comparingLong(Survivor::appliedStep)
                .thenComparing(Comparator.comparingInt(Survivor::rank).reversed()));
  }

  /** Those that go on, by rank: all that there are, unless they are too many. */
  private static List<Survivor> kept(Situation now, int size, Optional<Survivor> source) {
    List<Survivor> kept = new ArrayList<>(now.survivors());
    kept.sort(Comparator.comparingInt(Survivor::rank));
    now.allowed()
        .ifPresent(
            shares -> {
              for (int i = kept.size() - 1; i >= 0 && kept.size() > size; i--) {
                Survivor one = kept.get(i);
                long there = kept.stream().filter(s -> s.agentId().equals(one.agentId())).count();
                boolean wanted = source.filter(one::equals).isPresent();
                if (!wanted && there > Share.on(one.agentId(), shares)) {
                  kept.remove(i);
                }
              }
            });
    // Who leaves is never the one whose state goes on.
    for (int i = kept.size() - 1; kept.size() > size; i--) {
      if (source.filter(kept.get(i)::equals).isEmpty()) {
        kept.remove(i);
      }
    }
    return kept;
  }

  private static int room(Situation now, AgentSlots agent) {
    boolean others = now.agents().stream().anyMatch(a -> !now.excluded().contains(a.host()));
    return others && now.excluded().contains(agent.host()) ? 0 : agent.free();
  }

  /** The agents of the new processes, an agent once for each. */
  private static List<String> fresh(Situation now, List<Survivor> kept, int missing) {
    boolean enough = kept.size() >= now.workers().min() && !kept.isEmpty();
    Map<String, Long> here = new HashMap<>();
    kept.forEach(s -> here.merge(s.agentId(), 1L, Long::sum));
    // Of agents alike, the first by name, so that the same situation gives the same decision.
    List<AgentSlots> inOrder =
        now.agents().stream()
            .sorted(
                Comparator.comparingLong((AgentSlots a) -> -here.getOrDefault(a.agentId(), 0L))
                    .thenComparingInt(a -> -room(now, a))
                    .thenComparing(AgentSlots::agentId))
            .toList();
    List<String> fresh = new ArrayList<>();
    for (AgentSlots agent : inOrder) {
      // With enough survivors nobody waits for a process that has yet to load.
      int ready = enough ? now.spares().getOrDefault(agent.agentId(), 0) : Integer.MAX_VALUE;
      int more = Math.min(missing - fresh.size(), Math.min(ready, room(now, agent)));
      for (int i = 0; i < more; i++) {
        fresh.add(agent.agentId());
      }
    }
    return fresh;
  }

  private static Form form(
      Situation now, List<Survivor> kept, List<String> fresh, Optional<Survivor> source) {
    int size = kept.size() + fresh.size();
    Map<Integer, Survivor> seats = seats(size, kept);
    Map<Integer, Long> survivors = new HashMap<>();
    StateSource from = now.everReady() ? StateSource.CHECKPOINT : StateSource.JOB;
    for (Map.Entry<Integer, Survivor> seat : seats.entrySet()) {
      survivors.put(seat.getKey(), seat.getValue().pid());
      if (source.filter(seat.getValue()::equals).isPresent()) {
        from = StateSource.rank(seat.getKey());
      }
    }
    return new Form(
        now.jobId(),
        placements(size, seats, fresh),
        reason(size, seats, from, source),
        survivors,
        from);
  }

  private static List<Placement> placements(
      int size, Map<Integer, Survivor> seats, List<String> fresh) {
    Map<String, List<Integer>> ranks = new LinkedHashMap<>();
    Iterator<String> next = fresh.iterator();
    for (int rank = 0; rank < size; rank++) {
      Survivor survivor = seats.get(rank);
      String agentId = survivor == null ? next.next() : survivor.agentId();
      ranks.computeIfAbsent(agentId, a -> new ArrayList<>()).add(rank);
    }
    return ranks.entrySet().stream().map(e -> new Placement(e.getKey(), e.getValue())).toList();
  }

  /** By rank, as the class says. */
  private static Map<Integer, Survivor> seats(int size, List<Survivor> kept) {
    Map<Integer, Survivor> seats = new HashMap<>();
    if (kept.size() == size) {
      kept.forEach(survivor -> seats.put(seats.size(), survivor));
      return seats;
    }
    List<Survivor> movers = new ArrayList<>();
    for (Survivor survivor : kept) {
      if (survivor.rank() < size) {
        seats.put(survivor.rank(), survivor);
      } else {
        movers.add(survivor);
      }
    }
    int seat = 0;
    for (Survivor mover : movers) {
      while (seats.containsKey(seat)) {
        seat++;
      }
      seats.put(seat, mover);
    }
    return seats;
  }

  private static String reason(
      int size, Map<Integer, Survivor> seats, StateSource from, Optional<Survivor> source) {
    int fresh = size - seats.size();
    String who =
        count(size, "rank")
            + ", "
            + (seats.isEmpty()
                ? "all new"
                : seats.size() + " of them survivors, " + fresh + " new");
    return switch (from.kind()) {
      case RANK ->
          who
              + "; state of step "
              + source.orElseThrow().appliedStep()
              + " from rank "
              + from.rank();
      case CHECKPOINT ->
          who + "; no survivor holds the state: from the newest whole checkpoint of this run";
      case JOB -> who + "; state as the job says";
    };
  }

  private static String needs(Situation now, String found) {
    return "needs " + count(now.workers().min(), "rank") + ", " + found;
  }

  private static String lacking(Situation now, int survivors) {
    if (now.agents().isEmpty()) {
      return needs(now, "no agent has joined");
    }
    int free = now.agents().stream().mapToInt(a -> room(now, a)).sum();
    String failing =
        now.agents().stream()
            .filter(a -> a.free() > room(now, a))
            .map(AgentSlots::host)
            .distinct()
            .collect(Collectors.joining(", "));
    return needs(
        now,
        count(survivors, "rank")
            + (survivors == 1 ? " survives" : " survive")
            + " and "
            + count(free, "slot")
            + (free == 1 ? " is" : " are")
            + " free"
            + (failing.isEmpty() ? "" : ", not counting " + failing + ", which keeps failing"));
  }

  private static String count(int number, String what) {
    return number + " " + what + (number == 1 ? "" : "s");
  }
}
