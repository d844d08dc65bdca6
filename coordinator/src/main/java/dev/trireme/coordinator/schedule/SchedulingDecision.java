package dev.trireme.coordinator.schedule;

import java.util.List;

/** What is to become of a job that waits. */
public sealed interface SchedulingDecision {
  /** The job. */
  String jobId();

  /** Why, for people. */
  String reason();

  /**
   * It is to run, on these ranks.
   *
   * @param placements every rank of {@code 0..worldSize-1} once, in order
   */
  record Form(String jobId, List<Placement> placements, String reason)
      implements SchedulingDecision {
    public Form {
      placements = List.copyOf(placements);
    }

    /** The number of ranks. */
    public int worldSize() {
      return placements.stream().mapToInt(p -> p.ranks().size()).sum();
    }
  }

  /** It is to wait. */
  record Wait(String jobId, String reason) implements SchedulingDecision {}

  /**
   * The ranks that one agent is to start.
   *
   * @param ranks in order of localRank, at least one
   */
  record Placement(String agentId, List<Integer> ranks) {
    public Placement {
      ranks = List.copyOf(ranks);
    }
  }
}
