package dev.trireme.allreduce.plan;

import java.util.ArrayList;
import java.util.List;

/**
 * All-reduce where every rank can address every other's memory, like {@link OwnerAllReduce}, but
 * each chunk's owner adds the ranks up in a balanced binary tree in place of one after the other.
 * The tree's left part holds the largest power of two of ranks that is smaller than all, its right
 * part the rest, and so on inside both: (r0 + r1) + (r2 + r3) on four ranks, ((r0 + r1) + (r2 +
 * r3)) + r4 on five.
 *
 * <p>The order of sums does not depend on who owns what. So where each rank has itself summed a
 * power of two of equal parts in such a tree, the whole is the tree over all parts, and the same
 * bits whatever power of two of ranks they were spread over.
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
    List<Sum> sums = new ArrayList<>();
    for (int stride = 1; stride < worldSize; stride *= 2) {
      for (int left = 0; left + stride < worldSize; left += 2 * stride) {
        sums.add(new Sum(left, left + stride));
      }
    }
    return List.copyOf(sums);
  }
}
