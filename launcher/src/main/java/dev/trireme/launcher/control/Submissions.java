package dev.trireme.launcher.control;

import dev.trireme.api.checkpoint.CheckpointException;
import dev.trireme.api.job.CheckpointSpec;
import dev.trireme.api.job.S3Spec;
import dev.trireme.checkpoint.EarlierRuns;
import dev.trireme.coordinator.JobSubmission;
import dev.trireme.launcher.config.ResolvedJob;
import java.nio.file.Path;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What is told to a coordinator of a job beside its spec. */
public final class Submissions {
  private static final Logger LOG = LoggerFactory.getLogger(Submissions.class);

  private Submissions() {}

  /** Of a job whose ranks may see an object store that this process has no keys for. */
  public static JobSubmission of(ResolvedJob job, Path runDirectory, String user) {
    return of(job, runDirectory, user, continued(job).filter(p -> !CheckpointSpec.isS3(p)));
  }

  /** Where it writes and others may have: only who continues a run may write where one has been. */
  private static Optional<String> continued(ResolvedJob job) {
    CheckpointSpec spec = job.spec().checkpoint();
    return spec.path().filter(p -> spec.resumeFrom().isPresent());
  }

  /** Of a job whose ranks run on this machine, as this user. */
  public static JobSubmission ofThisMachine(ResolvedJob job, Path runDirectory) {
    return of(job, runDirectory, "", continued(job));
  }

  private static JobSubmission of(
      ResolvedJob job, Path runDirectory, String user, Optional<String> place) {
    long before = place.map(p -> generationsIn(p, job.spec().checkpoint())).orElse(0L);
    return new JobSubmission(job.spec(), job.yaml(), runDirectory, user, before);
  }

  /** Where this cannot be seen from here, rank 0 sees it and refuses a place that does not do. */
  private static long generationsIn(String place, CheckpointSpec spec) {
    try {
      return EarlierRuns.highestGeneration(place, spec.s3().orElse(S3Spec.DEFAULT));
    } catch (CheckpointException e) {
      LOG.warn("not known which generations have been before: {}", e.getMessage());
      return 0;
    }
  }
}
