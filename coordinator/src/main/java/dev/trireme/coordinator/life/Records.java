package dev.trireme.coordinator.life;

import dev.trireme.protocol.JobState;
import dev.trireme.protocol.RankReport;
import dev.trireme.protocol.Stored.FailureRecord;
import dev.trireme.protocol.Stored.GenerationRecord;
import dev.trireme.protocol.Stored.JobRecord;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** A job's record with something changed: each is a new version of it. */
final class Records {
  private Records() {}

  static JobRecord inTerm(JobRecord r, long term) {
    return copy(r, term, r.state(), r.reason(), r.generations());
  }

  static JobRecord moved(JobRecord r, JobState state, String reason) {
    return copy(r, r.term(), state, reason, r.generations());
  }

  static JobRecord formed(JobRecord r, long generation, int worldSize) {
    List<GenerationRecord> all = new ArrayList<>(r.generations());
    all.add(new GenerationRecord(generation, worldSize, Optional.empty()));
    return copy(r, r.term(), r.state(), r.reason(), all);
  }

  /** The newest generation begins with this step. */
  static JobRecord startingAt(JobRecord r, long firstStep) {
    List<GenerationRecord> all = new ArrayList<>(r.generations());
    GenerationRecord newest = all.remove(all.size() - 1);
    all.add(new GenerationRecord(newest.generation(), newest.worldSize(), Optional.of(firstStep)));
    return copy(r, r.term(), r.state(), r.reason(), all);
  }

  /** With what its failure policy may count. */
  static JobRecord failed(JobRecord r, List<FailureRecord> failures) {
    return copy(r, r.term(), r.state(), r.reason(), r.generations(), failures);
  }

  /** With sizes of buckets that were left to the ranks. */
  static JobRecord tuned(JobRecord r, RankReport.BucketsTuned buckets) {
    return new JobRecord(
        r.jobId(),
        r.term(),
        r.version() + 1,
        r.job().withBuckets(buckets.firstBucketSize(), buckets.bucketSize()),
        buckets.resolvedSpec(),
        r.runDirectory(),
        r.user(),
        r.submittedMillis(),
        r.state(),
        r.reason(),
        r.generations(),
        r.failures());
  }

  /**
   * Its next formation has another number of servers. The resolved spec stays as it was given: who
   * resumes the job begins with what that says.
   */
  static JobRecord served(JobRecord r, int servers) {
    return new JobRecord(
        r.jobId(),
        r.term(),
        r.version() + 1,
        r.job().withServers(servers),
        r.resolvedSpec(),
        r.runDirectory(),
        r.user(),
        r.submittedMillis(),
        r.state(),
        r.reason(),
        r.generations(),
        r.failures());
  }

  /** The newest generation, if the job ever formed. */
  static Optional<GenerationRecord> newest(JobRecord r) {
    return r.generations().isEmpty()
        ? Optional.empty()
        : Optional.of(r.generations().get(r.generations().size() - 1));
  }

  /** Whether some generation had a state to train on. */
  static boolean everReady(JobRecord r) {
    return r.generations().stream().anyMatch(g -> g.firstStep().isPresent());
  }

  private static JobRecord copy(
      JobRecord r, long term, JobState state, String reason, List<GenerationRecord> generations) {
    return copy(r, term, state, reason, generations, r.failures());
  }

  private static JobRecord copy(
      JobRecord r,
      long term,
      JobState state,
      String reason,
      List<GenerationRecord> generations,
      List<FailureRecord> failures) {
    return new JobRecord(
        r.jobId(),
        term,
        r.version() + 1,
        r.job(),
        r.resolvedSpec(),
        r.runDirectory(),
        r.user(),
        r.submittedMillis(),
        state,
        reason,
        generations,
        failures);
  }
}
