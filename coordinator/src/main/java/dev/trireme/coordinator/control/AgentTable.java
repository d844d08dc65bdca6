package dev.trireme.coordinator.control;

import dev.trireme.coordinator.schedule.AgentRoom;
import dev.trireme.coordinator.schedule.Backings.HostDevices;
import dev.trireme.protocol.AgentToCoordinator.RegisterAgent;
import dev.trireme.protocol.HostDevice;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** The agents that have joined. */
final class AgentTable {
  private final Map<String, RegisterAgent> agents = new TreeMap<>();

  void put(RegisterAgent agent) {
    agents.put(agent.agentId(), agent);
  }

  Optional<RegisterAgent> find(String agentId) {
    return Optional.ofNullable(agents.get(agentId));
  }

  Optional<RegisterAgent> remove(String agentId) {
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
    agents
        .values()
        .forEach(
            a ->
                devices.put(
                    a.agentId(), new HostDevices(a.host(), a.devices().size(), a.noDevices())));
    return devices;
  }

  /** What each has, as if nothing ran, in order of their names. */
  List<AgentRoom> empty() {
    List<AgentRoom> rooms = new ArrayList<>();
    Collection<RegisterAgent> all = agents.values();
    all.forEach(agent -> rooms.add(room(agent)));
    return rooms;
  }

  private static AgentRoom room(RegisterAgent agent) {
    int slots = Math.max(0, agent.slots());
    // A rank on a device takes a slot, too.
    int cuda = (int) Math.min(slots, (long) agent.devices().size() * agent.ranksPerDevice());
    return new AgentRoom(
        agent.agentId(),
        agent.host(),
        slots,
        slots,
        cuda,
        cuda,
        agent.cores(),
        agent.memory(),
        agent.devices().stream().mapToLong(HostDevice::totalBytes).min().orElse(0));
  }
}
