package dev.trireme.allreduce.plan;

import java.util.ArrayList;
import java.util.List;

/**
 * All-reduce where every rank can address every other's memory, like {@link OwnerAllReduce}, but
 * each chunk's owner adds the ranks up in a binary tree over contiguous ranks in place of one after
 * the other: starting with one node for all ranks, the largest node (the leftmost of several) is
 * halved until there is one a rank. (r0 + r1) + (r2 + r3) on four ranks, ((r0 + r1) + r2) + (r3 +
 * r4) on five.
 *
 * <p>The order of sums does not depend on who owns what. Every tree is the top of the balanced tree
 * over any larger power of two of parts. So where each rank has itself summed the parts below its
 * node as that tree says ({@link dev.trireme.api.train.ShardTree} deals them), the whole is the
 * tree over all parts, and the same bits whatever number of ranks they were spread over. That a + b
 * and b + a are the same bits is all it asks of the arithmetic.
 *
 * <p>No scratch memory: the chunk in its peers' buffers is the owner's to write anyway, so it keeps
 * the inner sums there. Cost for S bytes on W ranks: each rank reads 2 S (W-1)/W bytes and writes 2
 * S (W-1)/W where the owner's way reads and writes S, but a block at a time, which stays in the
 * cache; two meetings, whatever W is.
 *
 * <p>Source: the tree is that of pairwise summation; Higham, "The accuracy of floating point
 * summation", SIAM J. Sci. Comput. 14 (1993). Its error grows with log2 W and not with W.
 */
public final class TreeAllReduce {
  private TreeAllReduce() {}

  /** What {@code rank} of {@code worldSize} does to reduce {@code count} elements. */
  public static List<Step> plan(int rank, int worldSize, long count) {
    Chunks chunks = new Chunks(count, worldSize);
    List<Step> steps = new ArrayList<>();
    steps.add(new Step.ReduceTreeAndSpread(chunks.from(rank), chunks.length(rank)));
    Plans.rendezvous(steps, rank, worldSize, 1);
    return List.copyOf(steps);
  }

  /**
   * One addition of the tree: left = left + right.
   *
   * @param left the lowest rank of the left part, where its sum is kept
   * @param right the lowest rank of the right part
   */
  public record Sum(int left, int right) {}

  /** The additions in an order in which they can be done; the whole is then rank 0's. */
  public static List<Sum> sums(int worldSize) {
    int power = Integer.highestOneBit(worldSize);
    int split = worldSize - power;
    List<Sum> sums = new ArrayList<>();
    int[] first = new int[power];
    for (int node = 0; node < power; node++) {
      first[node] = node + Math.min(node, split);
      if (node < split) {
        sums.add(new Sum(first[node], first[node] + 1));
      }
    }
    for (int width = 1; width < power; width *= 2) {
      for (int node = 0; node < power; node += 2 * width) {
        sums.add(new Sum(first[node], first[node + width]));
      }
    }
    return List.copyOf(sums);
  }
}
