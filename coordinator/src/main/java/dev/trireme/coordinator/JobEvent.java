package dev.trireme.coordinator;

import dev.trireme.protocol.Backing;
import dev.trireme.protocol.HarmKind;
import dev.trireme.protocol.JobState;
import dev.trireme.protocol.RankReport;
import dev.trireme.protocol.StateSource;
import java.time.Instant;
import java.util.List;

/** Something that has happened to a job. */
public sealed interface JobEvent {
  /** The job. */
  String jobId();

  /** When, by the coordinator's clock. */
  Instant time();

  /**
   * It is in another state, or in the same for another reason.
   *
   * @param reason for people
   */
  record StateChanged(String jobId, Instant time, JobState state, String reason)
      implements JobEvent {}

  /**
   * The processes of a generation have been started.
   *
   * @param ranks in order of rank
   * @param backing what they compute on and what carries their gradients, and why
   */
  record Formed(
      String jobId, Instant time, long generation, List<RankProcess> ranks, Backing backing)
      implements JobEvent {
    public Formed {
      ranks = List.copyOf(ranks);
    }

    /** On the CPU. */
    public Formed(String jobId, Instant time, long generation, List<RankProcess> ranks) {
      this(jobId, time, generation, ranks, Backing.HOST);
    }
  }

  /**
   * A rank's process.
   *
   * @param host its host's name
   */
  record RankProcess(int rank, String agentId, String host, long pid) {}

  /** A rank has loaded what it needs, and the formation stands as far as it can see. */
  record RankReady(String jobId, Instant time, long generation, int rank, RankReport.Ready ready)
      implements JobEvent {}

  /**
   * The ranks have measured and agreed on the sizes of buckets that the job left to them; {@code
   * job.yaml} has them from now on.
   */
  record BucketsTuned(String jobId, Instant time, long generation, RankReport.BucketsTuned buckets)
      implements JobEvent {}

  /**
   * Steps have been committed: at step 1, then about once a second, and at the last.
   *
   * @param committed the newest of them
   * @param totalSteps planned for the whole job
   * @param stepsPerEpoch at least 1
   * @param epochs planned, at least 1
   * @param secondsLeft at the present rate; NaN while there is none
   * @param failedSaves checkpoints that have failed so far
   */
  record Progress(
      String jobId,
      Instant time,
      long generation,
      RankReport.Committed committed,
      long totalSteps,
      long stepsPerEpoch,
      int epochs,
      double secondsLeft,
      long failedSaves)
      implements JobEvent {}

  /** What steps were trained on; may tell again what was told before. */
  record SamplesTrained(String jobId, Instant time, RankReport.Samples samples)
      implements JobEvent {}

  /**
   * An epoch has ended.
   *
   * @param epochs planned, at least 1
   */
  record EpochEnded(
      String jobId, Instant time, long generation, RankReport.EpochEnded epoch, int epochs)
      implements JobEvent {}

  /** A checkpoint has been committed or given up. */
  record CheckpointFinished(
      String jobId, Instant time, long generation, RankReport.CheckpointFinished checkpoint)
      implements JobEvent {}

  /**
   * Somebody harms the job on purpose.
   *
   * @param lastingSeconds until it is taken back; a kill is not
   */
  record Harmed(
      String jobId,
      Instant time,
      long generation,
      HarmKind kind,
      int rank,
      long pid,
      double lastingSeconds,
      String how)
      implements JobEvent {}

  /** A formation has broken. */
  record Failure(String jobId, Instant time, Verdict verdict) implements JobEvent {}

  /**
   * A job trains again in a new generation. Durations are seconds since the failure was decided
   * upon, or since all ranks had stopped where the formation was changed on purpose.
   *
   * @param worldSize of the new generation
   * @param failure whether a failure made it necessary
   * @param source where the state came from
   * @param firstStep of the new generation
   * @param detected from the first sign of a failure until it was decided who did it; NaN where the
   *     formation was changed on purpose
   * @param aborted until all survivors had left their collectives
   * @param formed until all processes of the new formation were there
   * @param restored until all its ranks had the state
   * @param stepped until a step of it was committed
   */
  record Recovered(
      String jobId,
      Instant time,
      long generation,
      int worldSize,
      boolean failure,
      StateSource source,
      long firstStep,
      double detected,
      double aborted,
      double formed,
      double restored,
      double stepped)
      implements JobEvent {}

  /** It is over: the last event of a job. {@code result.json} has been written. */
  record Ended(String jobId, Instant time, JobResult result) implements JobEvent {}
}
