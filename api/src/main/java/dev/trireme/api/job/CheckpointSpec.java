package dev.trireme.api.job;

import java.nio.file.Path;
import java.util.Optional;

/**
 * When state is saved, how much of it is kept and where, and where a run starts from.
 *
 * @param everySteps steps between two checkpoints
 * @param everyMinutes minutes between two checkpoints by rank 0's clock; beside {@code everySteps}
 *     both count for themselves, and without either none are written; with one of them the last
 *     step of the job is saved, too
 * @param keep how many of the newest are kept
 * @param keepEvery the checkpoints of steps that are a multiple of it are kept for good
 * @param maxSize bytes of all checkpoints together once a save is over
 * @param maxFailures saves that fail in a row before the job fails
 * @param path where they are written: a directory, or {@code s3://bucket/prefix}; {@code
 *     checkpoints} in the run directory when absent
 * @param resumeFrom checkpoints (the newest whole one of them), or one {@code step-*}; as {@code
 *     path}
 * @param s3 of the object store that {@code path} or {@code resumeFrom} names
 */
public record CheckpointSpec(
    @Key(
            value =
                "Steps between two checkpoints; a job that reaches its last step saves that, too.",
            min = 1)
        Optional<Long> everySteps,
    @Key(
            value =
                "Minutes between two checkpoints; without this and everySteps none are written.",
            min = 0,
            exclusiveMin = true)
        Optional<Double> everyMinutes,
    @Key(value = "How many of the newest are kept.", defaultValue = "3", min = 1, max = 10000)
        int keep,
    @Key(value = "Those of every so many steps are kept for good.", min = 1)
        Optional<Long> keepEvery,
    @Key(
            value =
                "Bytes of all checkpoints together; older ones go first, a save that cannot fit"
                    + " fails.",
            min = 1,
            size = true)
        Optional<Long> maxSize,
    @Key(
            value = "The job fails after so many failed saves in a row.",
            defaultValue = "3",
            min = 1,
            max = 1000000)
        int maxFailures,
    @Key(
            "Where they are written: a directory or s3://bucket/prefix; 'checkpoints' in the run"
                + " directory when absent.")
        Optional<String> path,
    @Key(
            "Where the run starts from: a checkpoints directory, one step-* in it, or the same under"
                + " s3://bucket/prefix.")
        Optional<String> resumeFrom,
    @Key("How to reach the object store, where it is not Amazon's own.") Optional<S3Spec> s3) {
  /** What a place in an object store begins with. */
  public static final String S3_SCHEME = "s3://";

  public CheckpointSpec {
    if (s3.isPresent() && !isS3(path) && !isS3(resumeFrom)) {
      throw new SpecException(
          "s3",
          "'s3' is of use only beside a 'path' or 'resumeFrom' that begins with "
              + S3_SCHEME
              + "; remove it or name the place");
    }
  }

  /** With the defaults of the other keys. */
  public CheckpointSpec(
      Optional<Long> everySteps, int keep, Optional<String> path, Optional<String> resumeFrom) {
    this(
        everySteps,
        Optional.empty(),
        keep,
        Optional.empty(),
        Optional.empty(),
        3,
        path,
        resumeFrom,
        Optional.empty());
  }

  /** Whether any are written without being asked for. */
  public boolean isPeriodic() {
    return everySteps.isPresent() || everyMinutes.isPresent();
  }

  /**
   * Where a run's checkpoints lie.
   *
   * @param runDirectory of the run
   */
  public String place(Path runDirectory) {
    return path.orElseGet(() -> runDirectory.resolve("checkpoints").toString());
  }

  /** Whether this place is in an object store and not in a file system. */
  public static boolean isS3(String place) {
    return place.startsWith(S3_SCHEME);
  }

  private static boolean isS3(Optional<String> place) {
    return place.filter(CheckpointSpec::isS3).isPresent();
  }
}
