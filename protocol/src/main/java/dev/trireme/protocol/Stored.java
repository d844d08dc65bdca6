package dev.trireme.protocol;

import dev.trireme.api.job.JobSpec;
import java.util.List;
import java.util.Optional;

/** What coordinators keep in the job store, and so tell the coordinator that comes after them. */
public sealed interface Stored extends Message {
  /** The term of the coordinator that wrote it, at least 1. */
  long term();

  /** The highest term that a coordinator has acted under. */
  record TermRecord(long term) implements Stored {}

  /**
   * All that outlives a coordinator of one job.
   *
   * @param version goes up with each change to this job, at least 1
   * @param job resolved and validated
   * @param resolvedSpec the same as YAML
   * @param runDirectory absolute
   * @param user who handed it in, as they say themselves
   * @param submittedMillis when it was accepted, milliseconds since 1970 UTC
   * @param reason why it is in this state, for people
   * @param generations oldest first; before the first formation none, or the last of the runs that
   *     have written checkpoints where this job does
   * @param failures that its failure policy may count, oldest first
   * @param formation the newest one, as it was ordered; absent before the first, and once the job
   *     has given it up
   * @param ending how the job will end when its ranks are gone, once that is settled
   * @param wish what somebody has asked for since it was handed in; absent while nobody has
   */
  record JobRecord(
      String jobId,
      long term,
      long version,
      JobSpec job,
      String resolvedSpec,
      String runDirectory,
      String user,
      long submittedMillis,
      JobState state,
      String reason,
      List<GenerationRecord> generations,
      List<FailureRecord> failures,
      Optional<FormationRecord> formation,
      Optional<JobState> ending,
      Optional<Wish> wish)
      implements Stored {
    public JobRecord {
      generations = List.copyOf(generations);
      failures = List.copyOf(failures);
    }

    /** Without a failure so far. */
    public JobRecord(
        String jobId,
        long term,
        long version,
        JobSpec job,
        String resolvedSpec,
        String runDirectory,
        String user,
        long submittedMillis,
        JobState state,
        String reason,
        List<GenerationRecord> generations) {
      this(
          jobId,
          term,
          version,
          job,
          resolvedSpec,
          runDirectory,
          user,
          submittedMillis,
          state,
          reason,
          generations,
          List.of(),
          Optional.empty(),
          Optional.empty(),
          Optional.empty());
    }
  }

  /**
   * How large a job is to be.
   *
   * @param ranks workers and servers together
   * @param servers how many of them are to be servers; absent while nobody wants other than it has
   */
  record Wish(int ranks, Optional<Integer> servers) {}

  /**
   * One formation of a job. A checkpoint of an older generation with a step at or above {@code
   * firstStep} of this one is superseded.
   *
   * @param worldSize its ranks; 0 for one that was another run's, whose checkpoints the job finds
   *     in its place and must stay above
   * @param firstStep the first step it computes; absent until its ranks are ready
   * @param savedStep the newest step of which it has committed a checkpoint, or the one of the
   *     job's own checkpoint that it began with; absent while none
   */
  record GenerationRecord(
      long generation, int worldSize, Optional<Long> firstStep, Optional<Long> savedStep) {
    /** Without a checkpoint of its own. */
    public GenerationRecord(long generation, int worldSize, Optional<Long> firstStep) {
      this(generation, worldSize, firstStep, Optional.empty());
    }

    /** The same once its first step is known. */
    public GenerationRecord startingAt(long step) {
      return new GenerationRecord(generation, worldSize, Optional.of(step), savedStep);
    }

    /** The same once there is a checkpoint of this step. */
    public GenerationRecord havingSaved(long step) {
      return new GenerationRecord(generation, worldSize, firstStep, Optional.of(step));
    }

    /** Whether this job had it. */
    public boolean wasFormed() {
      return worldSize > 0;
    }
  }

  /**
   * What a coordinator must know of a formation to go on with it, or to order it once more.
   *
   * @param places its ranks
   * @param frames the unguessable number that every frame between the ranks carries
   * @param survivors processes that became ranks of it
   * @param source where its state came from
   */
  record FormationRecord(
      long generation,
      List<Place> places,
      Backing backing,
      long frames,
      List<CoordinatorToAgent.Survivor> survivors,
      StateSource source) {
    public FormationRecord {
      places = List.copyOf(places);
      survivors = List.copyOf(survivors);
    }
  }

  /**
   * Ranks of a formation on one agent.
   *
   * @param host the agent's, for people
   * @param ranks in order of localRank
   */
  record Place(String agentId, String host, List<Integer> ranks) {
    public Place {
      ranks = List.copyOf(ranks);
    }
  }

  /**
   * A formation that broke.
   *
   * @param millis when, since 1970 UTC
   * @param hosts whose ranks failed
   * @param fruitless whether it had committed no step
   */
  record FailureRecord(long millis, List<String> hosts, boolean fruitless) {
    public FailureRecord {
      hosts = List.copyOf(hosts);
    }
  }
}
