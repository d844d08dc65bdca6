package dev.trireme.coordinator.life;

import dev.trireme.api.job.JobSpec;
import dev.trireme.protocol.JobState;
import dev.trireme.protocol.RankReport;
import dev.trireme.protocol.Stored.FailureRecord;
import dev.trireme.protocol.Stored.FormationRecord;
import dev.trireme.protocol.Stored.GenerationRecord;
import dev.trireme.protocol.Stored.JobRecord;
import dev.trireme.protocol.Stored.Wish;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/** A job's record with something changed: each is a new version of it. */
final class Records {
  /** What a checkpoint is called in its place, and nothing below it. */
  private static final Pattern STEP = Pattern.compile("^step-([0-9]{1,18})$");

  private Records() {}

  static JobRecord inTerm(JobRecord r, long term) {
    return copy(r, term, r.state(), r.reason(), r.generations());
  }

  static JobRecord moved(JobRecord r, JobState state, String reason) {
    return copy(r, r.term(), state, reason, r.generations());
  }

  static JobRecord formed(JobRecord r, FormationRecord formation, int worldSize) {
    List<GenerationRecord> all = new ArrayList<>(r.generations());
    all.add(new GenerationRecord(formation.generation(), worldSize, Optional.empty()));
    JobRecord next = copy(r, r.term(), r.state(), r.reason(), all);
    return copy(next, next.failures(), Optional.of(formation), Optional.empty(), r.wish());
  }

  /** Its formation is given up: it waits anew, or has ended. */
  static JobRecord disbanded(JobRecord r) {
    return copy(r, r.failures(), Optional.empty(), Optional.empty(), r.wish());
  }

  /** It has ended, and had no say in it. */
  static JobRecord givenUp(JobRecord r, long term, String reason) {
    return inTerm(moved(disbanded(r), JobState.FAILED, reason), term);
  }

  /** It is known how it will end. */
  static JobRecord ending(JobRecord r, JobState state) {
    return copy(r, r.failures(), r.formation(), Optional.of(state), r.wish());
  }

  /** The newest generation begins with this step. */
  static JobRecord startingAt(JobRecord r, long firstStep) {
    List<GenerationRecord> all = new ArrayList<>(r.generations());
    GenerationRecord newest = all.remove(all.size() - 1);
    all.add(newest.startingAt(firstStep));
    return copy(r, r.term(), r.state(), r.reason(), all);
  }

  /** The step of a checkpoint that lies where the job's own do; empty of any other path. */
  static Optional<Long> ownCheckpoint(JobRecord r, String path) {
    String place = r.job().checkpoint().place(Path.of(r.runDirectory()));
    String before = place.replaceAll("/+$", "") + "/";
    return path.startsWith(before)
        ? STEP.matcher(path.substring(before.length()))
            .results()
            .findFirst()
            .map(found -> Long.parseLong(found.group(1)))
        : Optional.empty();
  }

  /** There is a checkpoint of this step, which that generation has committed or begun with. */
  static JobRecord saved(JobRecord r, long generation, long step) {
    List<GenerationRecord> all =
        r.generations().stream()
            .map(g -> g.generation() == generation ? g.havingSaved(step) : g)
            .toList();
    return copy(r, r.term(), r.state(), r.reason(), all);
  }

  /** With what its failure policy may count. */
  static JobRecord failed(JobRecord r, List<FailureRecord> failures) {
    return copy(r, failures, r.formation(), r.ending(), r.wish());
  }

  /** With sizes of buckets that were left to the ranks. */
  static JobRecord tuned(JobRecord r, RankReport.BucketsTuned buckets) {
    return changed(
        r,
        r.job().withBuckets(buckets.firstBucketSize(), buckets.bucketSize()),
        buckets.resolvedSpec());
  }

  /**
   * Its next formation has another number of servers. The resolved spec stays as it was given: who
   * resumes the job begins with what that says.
   */
  static JobRecord served(JobRecord r, int servers) {
    return changed(r, r.job().withServers(servers), r.resolvedSpec());
  }

  private static JobRecord changed(JobRecord r, JobSpec job, String resolvedSpec) {
    return new JobRecord(
        r.jobId(),
        r.term(),
        r.version() + 1,
        job,
        resolvedSpec,
        r.runDirectory(),
        r.user(),
        r.submittedMillis(),
        r.state(),
        r.reason(),
        r.generations(),
        r.failures(),
        r.formation(),
        r.ending(),
        r.wish());
  }

  /** Somebody wants it to be so large. */
  static JobRecord wishing(JobRecord r, Wish wish) {
    return copy(r, r.failures(), r.formation(), r.ending(), Optional.of(wish));
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
        r.failures(),
        r.formation(),
        r.ending(),
        r.wish());
  }

  private static JobRecord copy(
      JobRecord r,
      List<FailureRecord> failures,
      Optional<FormationRecord> formation,
      Optional<JobState> ending,
      Optional<Wish> wish) {
    return new JobRecord(
        r.jobId(),
        r.term(),
        r.version() + 1,
        r.job(),
        r.resolvedSpec(),
        r.runDirectory(),
        r.user(),
        r.submittedMillis(),
        r.state(),
        r.reason(),
        r.generations(),
        failures,
        formation,
        ending,
        wish);
  }
}
