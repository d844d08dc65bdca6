package dev.trireme.protocol;

import dev.trireme.api.job.JobSpec;
import java.util.List;

/** What the coordinator tells an agent. */
public sealed interface CoordinatorToAgent extends Message {
  /** By what authority. */
  Stamp stamp();

  /** The answer to a registration. */
  record AgentAccepted(Stamp stamp, String coordinatorId) implements CoordinatorToAgent {}

  /**
   * Start these ranks of a formation, one process each.
   *
   * @param jobId of the job
   * @param job resolved and validated
   * @param resolvedSpec the same as YAML, every default filled in
   * @param runDirectory where logs go, absolute
   * @param worldSize of the formation
   * @param ranks that this agent is to start, in order of localRank
   * @param formation an unguessable number that every frame between its ranks carries
   */
  record StartRanks(
      Stamp stamp,
      String jobId,
      JobSpec job,
      String resolvedSpec,
      String runDirectory,
      int worldSize,
      List<Integer> ranks,
      long formation)
      implements CoordinatorToAgent {
    public StartRanks {
      ranks = List.copyOf(ranks);
    }
  }

  /** Pass this to the job's ranks on this agent; to all of them when {@code ranks} is empty. */
  record TellRanks(Stamp stamp, String jobId, List<Integer> ranks, AgentToRank command)
      implements CoordinatorToAgent {
    public TellRanks {
      ranks = List.copyOf(ranks);
    }
  }

  /**
   * End the job's processes on this agent: first asked, then after {@code graceMillis} killed.
   *
   * @param graceMillis 0 kills at once
   */
  record EndRanks(Stamp stamp, String jobId, long graceMillis, String reason)
      implements CoordinatorToAgent {}
}
