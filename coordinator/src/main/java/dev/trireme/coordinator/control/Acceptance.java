package dev.trireme.coordinator.control;

import dev.trireme.coordinator.CoordinatorException;
import dev.trireme.coordinator.JobSubmission;
import dev.trireme.protocol.JobState;
import dev.trireme.protocol.Stamp;
import dev.trireme.protocol.Stored.GenerationRecord;
import dev.trireme.protocol.Stored.JobRecord;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/** Which jobs a coordinator accepts, and how it first notes them. Pure. */
final class Acceptance {
  /** Jobs that have not ended; the scheduler looks at all of them at every change. */
  private static final int MAX_LIVE = 10_000;

  /** In characters; what crosses the wire has a bound, and holds more than the spec. */
  private static final int MAX_SPEC = 256 << 10;

  /** Far below what a stamp can hold: the generations of all jobs are counted on from there. */
  private static final long MOST_GENERATIONS = Stamp.MAX >> 8;

  private Acceptance() {}

  /** A job as it is handed in; its run directory is {@code submission}'s, normalised. */
  static JobRecord record(String jobId, long term, JobSubmission submission, Instant now) {
    return new JobRecord(
        jobId,
        term,
        1,
        submission.job(),
        submission.resolvedSpec(),
        directory(submission).toString(),
        submission.user(),
        now.toEpochMilli(),
        JobState.QUEUED,
        "accepted",
        before(submission));
  }

  private static Path directory(JobSubmission submission) {
    return submission.runDirectory().normalize();
  }

  /** Kept with the job, for whoever takes over before it has formed. */
  private static List<GenerationRecord> before(JobSubmission submission) {
    return submission.generationsBefore() == 0
        ? List.of()
        : List.of(new GenerationRecord(submission.generationsBefore(), 0, Optional.empty()));
  }

  /**
   * Refuses what cannot be accepted.
   *
   * @param live jobs that have not ended
   * @throws CoordinatorException with the mend
   */
  static void require(JobSubmission submission, LiveJobs live) {
    if (live.size() >= MAX_LIVE) {
      throw new CoordinatorException(
          MAX_LIVE + " jobs have not ended, the most there may be; cancel some or wait");
    }
    if (submission.resolvedSpec().length() > MAX_SPEC) {
      throw new CoordinatorException(
          "a job spec has at most "
              + MAX_SPEC
              + " characters, found "
              + submission.resolvedSpec().length());
    }
    if (submission.generationsBefore() >= MOST_GENERATIONS) {
      throw new CoordinatorException(
          "checkpoint.path holds generation %d, more than there can have been; name another place"
              .formatted(submission.generationsBefore()));
    }
    String directory = directory(submission).toString();
    for (Job job : live.all()) {
      if (directory.equals(job.run().record().runDirectory())) {
        throw new CoordinatorException(
            "run directory "
                + directory
                + " belongs to "
                + job.run().record().jobId()
                + ", which has not ended; choose another");
      }
    }
  }
}
