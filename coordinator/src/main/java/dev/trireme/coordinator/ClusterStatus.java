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
   * @param cudaSlots ranks that may compute on its CUDA devices at once
   * @param cudaFree of those
   * @param cores that its ranks may use together; 0 where that is no limit
   * @param memory that its ranks may use together, in bytes; 0 where that is no limit
   */
  public record Agent(
      String agentId,
      String host,
      int slots,
      int free,
      int cudaSlots,
      int cudaFree,
      int cores,
      long memory) {}
}
