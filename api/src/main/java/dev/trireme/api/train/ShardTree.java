package dev.trireme.api.train;

import dev.trireme.api.data.Share;
import dev.trireme.api.job.JobSpec;
import dev.trireme.api.job.TrainSpec;

/**
 * The cut of every global batch into a fixed number of logical shards, and the deal of these to any
 * number of ranks, for a sum that is the same bits whoever computed which shard.
 *
 * <p>The shards are the leaves of a balanced binary tree in which their gradients are added up.
 * Each rank holds exactly the leaves below one node of it: starting with the root, the largest node
 * (the leftmost of several) is split in two until there is one a rank. So a rank adds its shards'
 * gradients up as the tree says, and the ranks' sums are then added up as the tree above their
 * nodes says, which depends on the number of ranks alone ({@code TreeAllReduce} of the
 * collectives). Shares differ by at most a factor of two, and not at all for a power of two of
 * ranks.
 *
 * <p>Source: pairwise summation, Higham, "The accuracy of floating point summation" (1993); its
 * error also grows with log S rather than with S.
 *
 * @param shards S, a power of two
 */
public record ShardTree(int shards) {
  public ShardTree {
    if (shards < 1 || shards > TrainSpec.MAX_LOGICAL_SHARDS || Integer.bitCount(shards) != 1) {
      throw new IllegalArgumentException(
          shards
              + " logical shards, expected a power of two from 1 to "
              + TrainSpec.MAX_LOGICAL_SHARDS);
    }
  }

  /**
   * The tree of a job that is deterministic whatever its number of ranks: its logical shards, each
   * halved until none has more items than a micro batch may have. A function of the job alone.
   */
  public static ShardTree of(JobSpec job) {
    int batch = job.data().batchSize();
    int shards = job.train().logicalShards();
    int most = job.train().microBatch().orElse(batch);
    while ((batch + shards - 1) / shards > most && shards < TrainSpec.MAX_LOGICAL_SHARDS) {
      shards *= 2;
    }
    return new ShardTree(shards);
  }

  /**
   * The shards that a rank holds.
   *
   * @param rank in {@code 0..worldSize-1}
   * @param worldSize from 1 to {@link #shards}
   */
  public Share share(int rank, int worldSize) {
    if (worldSize < 1 || worldSize > shards || rank < 0 || rank >= worldSize) {
      throw new IllegalArgumentException(
          "rank "
              + rank
              + " of "
              + worldSize
              + ": expected a rank below a world size of at most "
              + shards
              + ", the number of logical shards; raise train.logicalShards");
    }
    int power = Integer.highestOneBit(worldSize);
    int split = worldSize - power;
    int whole = shards / power;
    if (rank < 2 * split) {
      return new Share(rank * whole / 2, whole / 2, shards);
    }
    return new Share((rank - split) * whole, whole, shards);
  }
}
