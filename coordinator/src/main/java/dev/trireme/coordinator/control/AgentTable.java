package dev.trireme.coordinator.control;

import dev.trireme.coordinator.ClusterStatus;
import dev.trireme.coordinator.schedule.Backings.HostDevices;
import dev.trireme.coordinator.schedule.Scheduler.AgentSlots;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.ToIntFunction;

/** The agents that have joined. */
final class AgentTable {
  /**
   * One of them.
   *
   * @param host its host's name
   * @param slots ranks it can hold at once
   * @param devices what it has beside its CPU
   */
  record Agent(String agentId, String host, int slots, HostDevices devices) {}

  private final Map<String, Agent> agents = new TreeMap<>();

  void put(Agent agent) {
    agents.put(agent.agentId(), agent);
  }

  Optional<Agent> find(String agentId) {
    return Optional.ofNullable(agents.get(agentId));
  }

  Optional<Agent> remove(String agentId) {
    return Optional.ofNullable(agents.remove(agentId));
  }

  /** Hosts' names by agent. */
  Map<String, String> hosts() {
    Map<String, String> hosts = new HashMap<>();
    agents.values().forEach(a -> hosts.put(a.agentId(), a.host()));
    return hosts;
  }

  /** Hosts' devices by agent. */
  Map<String, HostDevices> devices() {
    Map<String, HostDevices> devices = new HashMap<>();
    agents.values().forEach(a -> devices.put(a.agentId(), a.devices()));
    return devices;
  }

  /**
   * What is free where.
   *
   * @param held gives the slots of an agent that are taken
   */
  List<AgentSlots> slots(ToIntFunction<String> held) {
    return agents.values().stream()
        .map(
            a ->
                new AgentSlots(
                    a.agentId(),
                    a.host(),
                    Math.max(0, a.slots() - held.applyAsInt(a.agentId())),
                    a.slots()))
        .toList();
  }

  /**
   * The same, for people.
   *
   * @param held gives the slots of an agent that are taken
   */
  List<ClusterStatus.Agent> status(ToIntFunction<String> held) {
    return agents.values().stream()
        .map(
            a ->
                new ClusterStatus.Agent(
                    a.agentId(),
                    a.host(),
                    a.slots(),
                    Math.max(0, a.slots() - held.applyAsInt(a.agentId()))))
        .toList();
  }
}
