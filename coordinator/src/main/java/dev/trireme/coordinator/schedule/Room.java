package dev.trireme.coordinator.schedule;

import dev.trireme.api.job.QueueSpec.Placing;
import dev.trireme.api.job.WorkerCount;
import dev.trireme.coordinator.schedule.Scheduler.AgentSlots;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * The free slots of all agents while a decision is being made, found by their number: each question
 * costs O(log agents). Of agents alike the first by name is meant, so that the same situation gives
 * the same decision.
 */
final class Room {
  private final Map<String, AgentSlots> agents = new HashMap<>();
  private final TreeMap<Integer, TreeSet<String>> byFree = new TreeMap<>();
  private final int largest;

  Room(List<AgentSlots> all) {
    all.forEach(this::put);
    largest = all.stream().mapToInt(AgentSlots::total).max().orElse(0);
  }

  /** The slots of the largest agent, free or not. */
  int largest() {
    return largest;
  }

  private void put(AgentSlots agent) {
    agents.put(agent.agentId(), agent);
    byFree.computeIfAbsent(agent.free(), n -> new TreeSet<>()).add(agent.agentId());
  }

  private AgentSlots remove(String agentId) {
    AgentSlots agent = agents.remove(agentId);
    TreeSet<String> alike = byFree.get(agent.free());
    alike.remove(agentId);
    if (alike.isEmpty()) {
      byFree.remove(agent.free());
    }
    return agent;
  }

  /** The agent for a job, if one has room: the one that gives most ranks, then as it prefers. */
  Optional<AgentSlots> find(WorkerCount workers, Placing placing) {
    var most = byFree.lastEntry();
    if (most == null || most.getKey() < workers.min()) {
      return Optional.empty();
    }
    var enough = byFree.ceilingEntry(workers.max());
    var chosen = placing == Placing.PACK && enough != null ? enough : most;
    return Optional.of(agents.get(chosen.getValue().first()));
  }

  /** The agent with the most free slots. */
  Optional<AgentSlots> mostFree() {
    return Optional.ofNullable(byFree.lastEntry()).map(e -> agents.get(e.getValue().first()));
  }

  Optional<AgentSlots> agent(String agentId) {
    return Optional.ofNullable(agents.get(agentId));
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
