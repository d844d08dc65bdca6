package dev.trireme.coordinator;

import dev.trireme.api.job.JobSpec;
import java.nio.file.Path;
import java.util.Objects;

/**
 * A job to be run.
 *
 * @param job resolved and validated
 * @param resolvedSpec the same as YAML, every default filled in
 * @param runDirectory where the run leaves its files; absolute, made if absent, this job's alone
 *     while it runs
 * @param user whose it is, for the fair share; as they say themselves, at most 64 characters
 * @param generationsBefore the highest generation that other runs have left where it writes its
 *     checkpoints, as far as is known: its own begin above; 0 for none
 */
public record JobSubmission(
    JobSpec job, String resolvedSpec, Path runDirectory, String user, long generationsBefore) {
  /** Of nobody in particular, where no run has been. */
  public JobSubmission(JobSpec job, String resolvedSpec, Path runDirectory) {
    this(job, resolvedSpec, runDirectory, "", 0);
  }

  public JobSubmission {
    if (user.length() > 64) {
      throw new IllegalArgumentException(
          "expected a user of at most 64 characters, found " + user.length());
    }
    Objects.requireNonNull(job, "job");
    Objects.requireNonNull(resolvedSpec, "resolvedSpec");
    if (!runDirectory.isAbsolute()) {
      throw new IllegalArgumentException(
          "expected an absolute run directory, found '" + runDirectory + "'");
    }
  }
}
