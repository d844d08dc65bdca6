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
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;

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
 *   <li>All ranks are on one agent, for the transport between ranks does not cross hosts yet: that
 *       of the source where there is one, else the one that gives most ranks.
 *   <li>A survivor keeps its rank where it can; gaps are closed from the top.
 * </ul>
 *
 * <p>Cost: O(ranks log ranks + agents).
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
   */
  public record Situation(
      String jobId,
      WorkerCount workers,
      int target,
      List<Survivor> survivors,
      List<AgentSlots> agents,
      Set<String> excluded,
      boolean everReady,
      Map<String, Integer> spares) {
    public Situation {
      survivors = List.copyOf(survivors);
      agents = List.copyOf(agents);
      excluded = Set.copyOf(excluded);
      spares = Map.copyOf(spares);
    }
  }

  /** Decides. */
  public static SchedulingDecision decide(Situation now) {
    Optional<Survivor> source = source(now.survivors());
    Optional<AgentSlots> chosen =
        source.isPresent()
            ? now.agents().stream()
                .filter(a -> a.agentId().equals(source.get().agentId()))
                .findAny()
            : now.agents().stream().max(byRoom(now));
    if (chosen.isEmpty()) {
      return new Wait(now.jobId(), needs(now, "no agent has joined"));
    }
    AgentSlots agent = chosen.get();
    List<Survivor> here = survivorsOn(agent.agentId(), now.survivors());
    int fresh = fresh(now, agent, here.size());
    if (here.size() + fresh < now.workers().min()) {
      return new Wait(now.jobId(), lacking(now, agent, here.size()));
    }
    return form(now, agent, here, fresh, source);
  }

  private static Optional<Survivor> source(List<Survivor> survivors) {
    return survivors.stream()
        .filter(Survivor::sound)
        .max(
            Comparator.comparingLong(Survivor::appliedStep)
                .thenComparing(Comparator.comparingInt(Survivor::rank).reversed()));
  }

  private static List<Survivor> survivorsOn(String agentId, List<Survivor> survivors) {
    return survivors.stream()
        .filter(s -> s.agentId().equals(agentId))
        .sorted(Comparator.comparingInt(Survivor::rank))
        .toList();
  }

  /** Of agents alike, the first by name, so that the same situation gives the same decision. */
  private static Comparator<AgentSlots> byRoom(Situation now) {
    return Comparator.comparingInt(
            (AgentSlots a) -> {
              int here = survivorsOn(a.agentId(), now.survivors()).size();
              return Math.min(now.target(), here + room(now, a));
            })
        .thenComparing(Comparator.comparing(AgentSlots::agentId).reversed());
  }

  private static int room(Situation now, AgentSlots agent) {
    boolean others = now.agents().stream().anyMatch(a -> !now.excluded().contains(a.host()));
    return others && now.excluded().contains(agent.host()) ? 0 : agent.free();
  }

  /** How many new processes the formation gets. */
  private static int fresh(Situation now, AgentSlots agent, int survivors) {
    int wanted = Math.max(0, Math.min(now.target() - survivors, room(now, agent)));
    boolean enough = survivors >= now.workers().min() && survivors > 0;
    int ready = now.spares().getOrDefault(agent.agentId(), 0);
    // With enough survivors nobody waits for a process that has yet to load.
    return enough ? Math.min(wanted, ready) : wanted;
  }

  private static Form form(
      Situation now, AgentSlots agent, List<Survivor> here, int fresh, Optional<Survivor> source) {
    int size = Math.min(Math.max(now.target(), now.workers().min()), here.size() + fresh);
    Map<Integer, Survivor> seats = seats(size, here, source);
    Map<Integer, Long> survivors = new HashMap<>();
    StateSource from = now.everReady() ? StateSource.CHECKPOINT : StateSource.JOB;
    for (Map.Entry<Integer, Survivor> seat : seats.entrySet()) {
      survivors.put(seat.getKey(), seat.getValue().pid());
      if (source.filter(seat.getValue()::equals).isPresent()) {
        from = StateSource.rank(seat.getKey());
      }
    }
    List<Integer> ranks = IntStream.range(0, size).boxed().toList();
    return new Form(
        now.jobId(),
        List.of(new Placement(agent.agentId(), ranks)),
        reason(size, seats, from, source),
        survivors,
        from);
  }

  /** Survivors keep their numbers; those with numbers too high fill the gaps, lowest first. */
  private static Map<Integer, Survivor> seats(
      int size, List<Survivor> here, Optional<Survivor> source) {
    List<Survivor> kept = new ArrayList<>(here);
    // Who leaves is never the one whose state goes on.
    for (int i = kept.size() - 1; kept.size() > size; i--) {
      if (source.filter(kept.get(i)::equals).isEmpty()) {
        kept.remove(i);
      }
    }
    Map<Integer, Survivor> seats = new HashMap<>();
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

  private static String lacking(Situation now, AgentSlots agent, int survivors) {
    return needs(
        now,
        count(survivors, "rank")
            + (survivors == 1 ? " survives" : " survive")
            + " and "
            + count(room(now, agent), "slot")
            + (room(now, agent) == 1 ? " is" : " are")
            + " free on host "
            + agent.host()
            + (now.excluded().contains(agent.host()) ? ", which keeps failing" : ""));
  }

  private static String count(int number, String what) {
    return number + " " + what + (number == 1 ? "" : "s");
  }
}
