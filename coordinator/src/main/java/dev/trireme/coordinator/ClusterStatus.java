package dev.trireme.coordinator;

import java.util.List;

/**
 * How a cluster stands, as its active coordinator sees it.
 *
 * @param coordinator the name of the active one
 * @param term it acts under
 * @param agents that have joined, by their names
 */
public record ClusterStatus(String coordinator, long term, List<Agent> agents) {
  public ClusterStatus {
    agents = List.copyOf(agents);
  }

  /**
   * One of them.
   *
   * @param host its host's name
   * @param slots ranks it can hold at once
   * @param free of those
   */
  public record Agent(String agentId, String host, int slots, int free) {}
}
