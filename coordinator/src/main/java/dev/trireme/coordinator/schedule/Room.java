package dev.trireme.coordinator.schedule;

import dev.trireme.api.job.QueueSpec.Placing;
import dev.trireme.api.job.WorkerCount;
import dev.trireme.coordinator.schedule.Scheduler.AgentSlots;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * The free slots of all agents while a decision is being made, found by their number: each question
 * costs O(log agents) for each agent in the answer. Of agents alike the first by name is meant, so
 * that the same situation gives the same decision.
 */
final class Room {
  private final Map<String, AgentSlots> agents = new HashMap<>();
  private final TreeMap<Integer, TreeSet<String>> byFree = new TreeMap<>();
  private final int capacity;
  private int free;

  Room(List<AgentSlots> all) {
    all.forEach(this::put);
    capacity = all.stream().mapToInt(AgentSlots::total).sum();
  }

  /** The slots of all agents, free or not. */
  int capacity() {
    return capacity;
  }

  /** The free slots of all agents that are not reserved. */
  int free() {
    return free;
  }

  private void put(AgentSlots agent) {
    agents.put(agent.agentId(), agent);
    byFree.computeIfAbsent(agent.free(), n -> new TreeSet<>()).add(agent.agentId());
    free += agent.free();
  }

  private AgentSlots remove(String agentId) {
    AgentSlots agent = agents.remove(agentId);
    TreeSet<String> alike = byFree.get(agent.free());
    alike.remove(agentId);
    if (alike.isEmpty()) {
      byFree.remove(agent.free());
    }
    free -= agent.free();
    return agent;
  }

  /**
   * Slots for a job, if there are enough: as many as it can use, on as few agents as have them. The
   * emptiest agents give all they have; for what is then missing, and for a job that one agent can
   * hold, the job's preference counts.
   */
  Optional<List<Share>> find(WorkerCount workers, Placing placing) {
    if (free < workers.min()) {
      return Optional.empty();
    }
    int missing = Math.min(workers.max(), free);
    List<Share> shares = new ArrayList<>();
    List<AgentSlots> used = new ArrayList<>();
    while (missing > 0) {
      var enough = byFree.ceilingEntry(missing);
      var chosen = placing == Placing.PACK && enough != null ? enough : byFree.lastEntry();
      AgentSlots agent = remove(chosen.getValue().first());
      used.add(agent);
      int given = Math.min(missing, agent.free());
      shares.add(new Share(agent.agentId(), given));
      missing -= given;
    }
    used.forEach(this::put);
    return Optional.of(shares);
  }

  Optional<AgentSlots> agent(String agentId) {
    return Optional.ofNullable(agents.get(agentId));
  }

  /** Those that are not reserved, in any order. */
  List<AgentSlots> agents() {
    return List.copyOf(agents.values());
  }

  /** The agent with the most free slots; empty where none has any. */
  Optional<AgentSlots> mostFree() {
    return Optional.ofNullable(byFree.lastEntry())
        .map(e -> agents.get(e.getValue().first()))
        .filter(a -> a.free() > 0);
  }

  /** These are taken. */
  void take(String agentId, int slots) {
    AgentSlots agent = remove(agentId);
    put(new AgentSlots(agentId, agent.host(), agent.free() - slots, agent.total()));
  }

  /** Nobody else gets anything there. */
  void reserve(String agentId) {
    remove(agentId);
  }
}
