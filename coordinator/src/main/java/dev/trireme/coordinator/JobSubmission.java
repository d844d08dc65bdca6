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
 */
public record JobSubmission(JobSpec job, String resolvedSpec, Path runDirectory) {
  public JobSubmission {
    Objects.requireNonNull(job, "job");
    Objects.requireNonNull(resolvedSpec, "resolvedSpec");
    if (!runDirectory.isAbsolute()) {
      throw new IllegalArgumentException(
          "expected an absolute run directory, found '" + runDirectory + "'");
    }
  }
}
