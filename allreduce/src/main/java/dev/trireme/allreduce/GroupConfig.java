package dev.trireme.allreduce;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;

/**
 * What a rank needs to know to join the other ranks of its formation.
 *
 * @param rank this process's, in {@code 0..worldSize-1}
 * @param worldSize number of ranks, from 1 to {@value #MAX_WORLD_SIZE}
 * @param generation of the formation
 * @param aeronDirectory of the host's media driver; not used when {@code worldSize} is 1
 * @param sharedDirectory for memory that the ranks share: an existing directory, of this formation
 *     alone, on a file system in memory such as {@code /dev/shm}; not used when {@code worldSize}
 *     is 1
 * @param streamBase the first of the Aeron stream ids allotted to this formation
 * @param streamCount how many there are, at least {@code worldSize * (worldSize - 1)}, twice as
 *     many with a network
 * @param formation an unguessable number that every frame and file between the ranks carries, and
 *     the hello of each connection
 * @param timeout the deadline of every operation and of joining, above 0
 * @param network of a formation that may span hosts; empty where all ranks are on this one
 */
public record GroupConfig(
    int rank,
    int worldSize,
    long generation,
    Path aeronDirectory,
    Path sharedDirectory,
    int streamBase,
    int streamCount,
    long formation,
    Duration timeout,
    Optional<NetworkConfig> network) {
  /** The largest formation. */
  public static final int MAX_WORLD_SIZE = 64;

  public GroupConfig {
    Objects.requireNonNull(aeronDirectory, "aeronDirectory");
    Objects.requireNonNull(sharedDirectory, "sharedDirectory");
    Objects.requireNonNull(timeout, "timeout");
    Objects.requireNonNull(network, "network");
    if (worldSize < 1 || worldSize > MAX_WORLD_SIZE) {
      throw new IllegalArgumentException(
          "worldSize is " + worldSize + ", expected 1 to " + MAX_WORLD_SIZE + " ranks");
    }
    if (rank < 0 || rank >= worldSize) {
      throw new IllegalArgumentException("rank is " + rank + ", expected 0 to " + (worldSize - 1));
    }
    if (timeout.isNegative() || timeout.isZero()) {
      throw new IllegalArgumentException("timeout is " + timeout + ", expected above 0");
    }
    int needed = worldSize * (worldSize - 1) * (network.isPresent() ? 2 : 1);
    if (streamCount < needed) {
      throw new IllegalArgumentException(
          worldSize
              + " ranks need "
              + needed
              + " Aeron stream ids, "
              + streamCount
              + " were allotted");
    }
  }

  /** A rank of a formation on one host. */
  public GroupConfig(
      int rank,
      int worldSize,
      long generation,
      Path aeronDirectory,
      Path sharedDirectory,
      int streamBase,
      int streamCount,
      long formation,
      Duration timeout) {
    this(
        rank,
        worldSize,
        generation,
        aeronDirectory,
        sharedDirectory,
        streamBase,
        streamCount,
        formation,
        timeout,
        Optional.empty());
  }

  /** Leaves out the formation's number, which is a secret. */
  @Override
  public String toString() {
    return "rank "
        + rank
        + " of "
        + worldSize
        + ", generation "
        + generation
        + ", streams from "
        + streamBase
        + " at "
        + aeronDirectory
        + ", memory in "
        + sharedDirectory
        + ", timeout "
        + timeout
        + network.map(n -> ", " + n).orElse("");
  }
}
