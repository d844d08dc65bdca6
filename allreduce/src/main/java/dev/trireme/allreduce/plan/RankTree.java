package dev.trireme.allreduce.plan;

import java.util.ArrayList;
import java.util.List;

/**
 * The association in which the sums of contiguous ranks become one: a binary tree whose leaves are
 * the ranks in order; a pure function of the world size.
 *
 * <p>Start with one node that stands for everything, and split the largest node (the leftmost of
 * several) into two halves until there is one a rank. So for a power of two the tree is balanced;
 * between two of them, P &lt; W &lt; 2 P, the first W - P nodes of the balanced tree over P are
 * split once more. Every tree is the top of the balanced tree over any larger power of two: who
 * holds the sums of that tree's leaves below its node, added up as the tree says, gets the whole
 * tree's sum in the end, the same bits whatever W is (see {@link dev.trireme.api.train.ShardTree}).
 * That a + b and b + a are the same bits is all it asks of the arithmetic.
 *
 * <p>Cost: W - 1 additions of a buffer, as with any association.
 */
public final class RankTree {
  private RankTree() {}

  /**
   * One addition: into = into (op) from.
   *
   * @param into a rank, the first below the node
   * @param from a rank, the first below the node's right half
   */
  public record Merge(int into, int from) {}

  /**
   * The additions in order; the last leaves the whole in rank 0's place.
   *
   * @param worldSize at least 1
   */
  public static List<Merge> merges(int worldSize) {
    if (worldSize < 1) {
      throw new IllegalArgumentException("worldSize is " + worldSize + ", expected 1 or more");
    }
    int power = Integer.highestOneBit(worldSize);
    int split = worldSize - power;
    List<Merge> merges = new ArrayList<>();
    int[] first = new int[power];
    for (int node = 0; node < power; node++) {
      first[node] = node + Math.min(node, split);
      if (node < split) {
        merges.add(new Merge(first[node], first[node] + 1));
      }
    }
    for (int width = 1; width < power; width *= 2) {
      for (int node = 0; node < power; node += 2 * width) {
        merges.add(new Merge(first[node], first[node + width]));
      }
    }
    return List.copyOf(merges);
  }
}
