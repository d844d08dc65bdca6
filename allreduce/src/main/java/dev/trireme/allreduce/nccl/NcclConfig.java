package dev.trireme.allreduce.nccl;

import dev.trireme.allreduce.GroupConfig;
import dev.trireme.api.tensor.Device;
import java.time.Duration;
import java.util.Objects;

/**
 * What a rank needs to know to join the other ranks of its formation through NCCL.
 *
 * @param rank this process's, in {@code 0..worldSize-1}
 * @param worldSize number of ranks, from 1 to {@value GroupConfig#MAX_WORLD_SIZE}
 * @param generation of the formation
 * @param device of this rank alone, as this process numbers them
 * @param uniqueId of the formation, the same on all ranks and used for no other
 * @param timeout the deadline of every operation and of joining, above 0
 * @param keep how long what an abort leaves is kept, so that the ranks that are left may make their
 *     communicator of it ({@link NcclProcessGroup#claim}); 0 for not at all
 * @param skipsAlone whether a single rank's reductions in place, which change nothing, are done
 *     without a call of NCCL: before 2.29.7 the library loses some 170 bytes at each
 */
public record NcclConfig(
    int rank,
    int worldSize,
    long generation,
    Device device,
    NcclUniqueId uniqueId,
    Duration timeout,
    Duration keep,
    boolean skipsAlone) {
  /** One of which nothing is kept, and which calls NCCL for everything. */
  public NcclConfig(
      int rank,
      int worldSize,
      long generation,
      Device device,
      NcclUniqueId uniqueId,
      Duration timeout) {
    this(rank, worldSize, generation, device, uniqueId, timeout, Duration.ZERO, false);
  }

  public NcclConfig {
    Objects.requireNonNull(uniqueId, "uniqueId");
    if (worldSize < 1 || worldSize > GroupConfig.MAX_WORLD_SIZE) {
      throw new IllegalArgumentException(
          "worldSize is " + worldSize + ", expected 1 to " + GroupConfig.MAX_WORLD_SIZE + " ranks");
    }
    if (rank < 0 || rank >= worldSize) {
      throw new IllegalArgumentException("rank is " + rank + ", expected 0 to " + (worldSize - 1));
    }
    if (device.kind() != Device.Kind.CUDA) {
      throw new IllegalArgumentException("device is " + device + ", expected a CUDA device");
    }
    if (timeout.isNegative() || timeout.isZero()) {
      throw new IllegalArgumentException("timeout is " + timeout + ", expected above 0");
    }
    if (keep.isNegative()) {
      throw new IllegalArgumentException("keep is " + keep + ", expected 0 or more");
    }
  }

  /** The same on another device. */
  NcclConfig on(Device other) {
    return new NcclConfig(rank, worldSize, generation, other, uniqueId, timeout, keep, skipsAlone);
  }
}
