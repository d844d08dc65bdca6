package dev.trireme.checkpoint;

import dev.trireme.checkpoint.format.Bounds;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;

/**
 * What a rank's checkpointer needs to know.
 *
 * @param directory where checkpoints are written; every rank's must be the same place
 * @param rank in {@code 0..worldSize-1}
 * @param worldSize ranks that write together, 1 to {@value Bounds#WORLD_SIZE}
 * @param keep how many of the newest whole checkpoints are kept, at least 1
 * @param grantTimeout how long rank 0 waits for the other ranks' shards and the coordinator's grant
 *     once its own shard is written; above 0
 */
public record CheckpointerConfig(
    Path directory, int rank, int worldSize, int keep, Duration grantTimeout) {
  public CheckpointerConfig {
    Objects.requireNonNull(directory, "directory");
    if (worldSize < 1 || worldSize > Bounds.WORLD_SIZE || rank < 0 || rank >= worldSize) {
      throw new IllegalArgumentException(
          "expected a rank below a world size of 1 to "
              + Bounds.WORLD_SIZE
              + ", found rank "
              + rank
              + " of "
              + worldSize);
    }
    if (keep < 1) {
      throw new IllegalArgumentException("keep is " + keep + ", expected 1 or more");
    }
    if (grantTimeout.isNegative() || grantTimeout.isZero()) {
      throw new IllegalArgumentException("grantTimeout is " + grantTimeout + ", expected above 0");
    }
  }
}
