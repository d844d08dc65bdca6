package dev.trireme.coordinator.life;

import dev.trireme.protocol.AgentToCoordinator.RankExit;
import dev.trireme.protocol.RankReport;

/** A sign that a formation has broken, in the order in which such signs arrive. */
public sealed interface Evidence {
  /**
   * A rank's process is gone before its time.
   *
   * @param rank whose
   */
  record Exit(int rank, RankExit exit) implements Evidence {}

  /**
   * A rank cannot go on.
   *
   * @param rank that says so
   * @param parked whether it has only left its collectives, rather than ended by an error of its
   *     own
   */
  record Complaint(int rank, RankReport.Failed report, boolean parked) implements Evidence {
    /** Of a rank that ends. */
    Complaint(int rank, RankReport.Failed report) {
      this(rank, report, false);
    }

    /** Whether the rank blames itself, or the job spec, rather than another rank. */
    boolean isConfession() {
      return report.usage() || report.suspectRank() == rank;
    }
  }

  /**
   * An agent has left the cluster or was cut off, and with it its host's ranks.
   *
   * @param cause for people
   */
  record HostLost(String agentId, String host, String cause) implements Evidence {
    /** One that this coordinator had heard. */
    HostLost(String agentId, String host) {
      this(agentId, host, "its agent was lost");
    }
  }

  /**
   * Ranks kept the others waiting.
   *
   * @param rank the first of them
   * @param what they did not do
   */
  record Overdue(int rank, String what) implements Evidence {}
}
