package dev.trireme.coordinator.life;

import dev.trireme.coordinator.schedule.Reformation.Survivor;
import dev.trireme.coordinator.schedule.Scheduler.AgentSlots;
import dev.trireme.coordinator.schedule.Share;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * The agents whose hosts lack what a job needs, as they have said themselves. Owned by a {@link
 * JobRun}.
 */
final class Unfit {
  private final Map<String, String> why = new TreeMap<>();

  /**
   * @param reason with the host's name
   */
  void add(String agentId, String reason) {
    why.put(agentId, reason);
  }

  /** The agent is gone: another under its name may have what it lacked. */
  void forget(String agentId) {
    why.remove(agentId);
  }

  List<AgentSlots> without(List<AgentSlots> agents) {
    return agents.stream().filter(a -> !why.containsKey(a.agentId())).toList();
  }

  List<Share> withoutShares(List<Share> shares) {
    return shares.stream().filter(s -> !why.containsKey(s.agentId())).toList();
  }

  /** How many go on where no new rank can start. */
  int staying(List<Survivor> survivors) {
    return (int) survivors.stream().filter(s -> why.containsKey(s.agentId())).count();
  }

  /**
   * Why a job cannot be, if the agents that are fit could not hold it were they empty.
   *
   * @param needed slots on them
   */
  Optional<String> tooFewLeft(List<AgentSlots> agents, int needed) {
    int left = without(agents).stream().mapToInt(AgentSlots::total).sum();
    return why.isEmpty() || left >= needed ? Optional.empty() : Optional.of(reason());
  }

  private String reason() {
    return why.values().stream().collect(Collectors.joining("; "))
        + "; every host that is to hold ranks needs it under the same name";
  }
}
