package dev.trireme.allreduce.plan;

import java.util.ArrayList;
import java.util.List;

/**
 * All-reduce where every rank can address every other's memory. The buffer is split into one chunk
 * a rank; its owner adds up that chunk out of all ranks' buffers, a cache-sized block at a time,
 * and writes each block back into all of them while it is still in the cache. Then it tells its
 * peers and waits for theirs.
 *
 * <p>Cost for S bytes on W ranks: each rank reads S bytes and writes S bytes, so that every buffer
 * is read once and written once, which is the least any all-reduce in place can do; two rendezvous
 * (the start and the end) whatever W is. A ring (see {@link RingAllReduce}) needs 3 S (W-1)/W reads
 * and 2 S (W-1)/W writes a rank and 2 (W-1) rendezvous.
 *
 * <p>Each chunk is summed by one rank, in the order owner, then the others by rank: all ranks end
 * with the same bits, which do not depend on timing.
 */
public final class OwnerAllReduce {
  private OwnerAllReduce() {}

  /** What {@code rank} of {@code worldSize} does to reduce {@code count} elements. */
  public static List<Step> plan(int rank, int worldSize, long count) {
    Chunks chunks = new Chunks(count, worldSize);
    List<Step> steps = new ArrayList<>();
    steps.add(new Step.ReduceAndSpread(chunks.from(rank), chunks.length(rank)));
    Plans.rendezvous(steps, rank, worldSize, 1);
    return List.copyOf(steps);
  }
}
