package dev.trireme.checkpoint;

import dev.trireme.api.job.S3Spec;
import dev.trireme.checkpoint.format.Bounds;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;

/**
 * What a rank's checkpointer needs to know.
 *
 * @param location where checkpoints are written: a directory, or {@code s3://bucket/prefix}; every
 *     rank's must be the same place
 * @param s3 how the object store is reached, where that is one or {@code resumeFrom} is
 * @param rank in {@code 0..worldSize-1}
 * @param worldSize ranks that write together, 1 to {@value Bounds#WORLD_SIZE}
 * @param retention which of them are kept
 * @param lineage of the job, as far as it is known
 * @param grantTimeout how long rank 0 waits for the other ranks' shards and the coordinator's grant
 *     once its own shard is written; above 0
 */
public record CheckpointerConfig(
    String location,
    S3Spec s3,
    int rank,
    int worldSize,
    Retention retention,
    Lineage lineage,
    Duration grantTimeout) {
  public CheckpointerConfig {
    Objects.requireNonNull(location, "location");
    Objects.requireNonNull(s3, "s3");
    Objects.requireNonNull(retention, "retention");
    Objects.requireNonNull(lineage, "lineage");
    if (worldSize < 1 || worldSize > Bounds.WORLD_SIZE || rank < 0 || rank >= worldSize) {
      throw new IllegalArgumentException(
          "expected a rank below a world size of 1 to "
              + Bounds.WORLD_SIZE
              + ", found rank "
              + rank
              + " of "
              + worldSize);
    }
    if (grantTimeout.isNegative() || grantTimeout.isZero()) {
      throw new IllegalArgumentException("grantTimeout is " + grantTimeout + ", expected above 0");
    }
  }

  /** In a directory, the newest {@code keep} are kept, and no lineage is known. */
  public CheckpointerConfig(
      Path directory, int rank, int worldSize, int keep, Duration grantTimeout) {
    this(
        directory.toString(),
        S3Spec.DEFAULT,
        rank,
        worldSize,
        Retention.newest(keep),
        Lineage.UNKNOWN,
        grantTimeout);
  }
}
