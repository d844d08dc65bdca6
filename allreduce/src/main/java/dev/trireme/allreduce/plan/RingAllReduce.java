package dev.trireme.allreduce.plan;

import java.util.ArrayList;
import java.util.List;

/**
 * All-reduce on a ring: each rank speaks to its two neighbours only. The buffer is split into one
 * chunk a rank.
 *
 * <p>Reduce-scatter, W-1 steps: in step s, rank r adds chunk r-s-1 of its left neighbour, which has
 * finished adding to it in step s-1, to its own. Afterwards rank r holds the whole sum of chunk
 * r+1. All-gather, W-1 steps: in step s, rank r copies the finished chunk r-s from its left
 * neighbour. (Chunks and ranks modulo W.) A rank overwrites its chunk c in the all-gather only with
 * the sum to which its right neighbour has already added that very chunk, so no lock is needed
 * between the two halves; a last word to the left says that its memory is no longer read.
 *
 * <p>Cost for S bytes: each rank reads 3 S (W-1)/W bytes and writes 2 S (W-1)/W, in 2 (W-1) steps
 * that follow each other. The sum of chunk c runs around the ring from rank c, so all ranks end
 * with the same bits, which do not depend on timing.
 *
 * <p>Source: Patarasuk and Yuan, "Bandwidth optimal all-reduce algorithms for clusters of
 * workstations", J. Parallel Distrib. Comput. 69 (2009).
 */
public final class RingAllReduce {
  private RingAllReduce() {}

  /** What {@code rank} of {@code worldSize} does to reduce {@code count} elements. */
  public static List<Step> plan(int rank, int worldSize, long count) {
    if (worldSize == 1) {
      return List.of(new Step.Finish(0, count));
    }
    Chunks chunks = new Chunks(count, worldSize);
    int left = Math.floorMod(rank - 1, worldSize);
    int right = (rank + 1) % worldSize;
    int halfway = worldSize - 1;
    List<Step> steps = new ArrayList<>();
    for (int s = 0; s < halfway; s++) {
      int chunk = Math.floorMod(rank - s - 1, worldSize);
      if (s > 0) {
        steps.add(new Step.Await(left, s));
      }
      steps.add(new Step.Reduce(left, chunks.from(chunk), chunks.length(chunk)));
      if (s == halfway - 1) {
        steps.add(new Step.Finish(chunks.from(chunk), chunks.length(chunk)));
      }
      steps.add(new Step.Tell(right, s + 1));
    }
    for (int s = 0; s < halfway; s++) {
      int chunk = Math.floorMod(rank - s, worldSize);
      steps.add(new Step.Await(left, halfway + s));
      steps.add(new Step.Copy(left, chunks.from(chunk), chunks.length(chunk)));
      boolean last = s == halfway - 1;
      steps.add(new Step.Tell(last ? left : right, halfway + s + 1));
    }
    steps.add(new Step.Await(right, 2 * halfway));
    return List.copyOf(steps);
  }
}
