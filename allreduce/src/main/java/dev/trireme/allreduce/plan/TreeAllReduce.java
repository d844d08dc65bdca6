package dev.trireme.allreduce.plan;

import java.util.ArrayList;
import java.util.List;

/**
 * All-reduce as {@link OwnerAllReduce} does it, but with the sums associated as {@link RankTree}
 * says: the owner of a chunk adds up the ranks' buffers pair by pair, in place, a cache-sized block
 * at a time, which it may since nobody else touches that chunk until it is done.
 *
 * <p>Cost for S bytes on W ranks: as there; about half of the additions write to a peer's buffer
 * rather than to the owner's own.
 */
public final class TreeAllReduce {
  private TreeAllReduce() {}

  /** What {@code rank} of {@code worldSize} does to reduce {@code count} elements. */
  public static List<Step> plan(int rank, int worldSize, long count) {
    Chunks chunks = new Chunks(count, worldSize);
    List<Step> steps = new ArrayList<>();
    steps.add(new Step.MergeAndSpread(chunks.from(rank), chunks.length(rank)));
    Plans.rendezvous(steps, rank, worldSize, 1);
    return List.copyOf(steps);
  }
}
