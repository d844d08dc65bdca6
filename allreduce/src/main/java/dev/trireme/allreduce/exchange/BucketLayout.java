package dev.trireme.allreduce.exchange;

import dev.trireme.api.tensor.DType;
import java.util.ArrayList;
import java.util.List;

/**
 * Which parameter's gradient lies where: a pure function of the parameters and the two sizes, the
 * same on every rank.
 *
 * <p>Parameters are taken from the last to the first, for that is about the order in which backward
 * finishes their gradients. A bucket is closed once it holds at least its size (so it may be larger
 * by one parameter), or when the dtype changes. The first bucket has a size of its own, a small
 * one, so that the exchange starts while most of backward is still to come.
 *
 * @param buckets in the order in which they are exchanged
 * @param slots of the parameters, by index
 */
record BucketLayout(List<Bucket> buckets, List<Slot> slots) {
  /** Slots begin at multiples of this many bytes: a cache line, the widest vector register. */
  private static final int ALIGNMENT_BYTES = 64;

  /**
   * One bucket.
   *
   * @param dtype of all its elements
   * @param count of its elements, those between slots included, which stay zero
   * @param parameters how many it holds
   */
  record Bucket(DType dtype, long count, int parameters) {}

  /**
   * Where a parameter's gradient lies.
   *
   * @param bucket index in {@link #buckets}
   * @param from its first element there
   * @param count of its elements
   */
  record Slot(int bucket, long from, long count) {}

  /**
   * What the layout needs to know of a parameter.
   *
   * @param dtype of its gradient
   * @param count of its elements
   */
  record Need(DType dtype, long count) {}

  BucketLayout {
    buckets = List.copyOf(buckets);
    slots = List.copyOf(slots);
  }

  /**
   * The layout for these parameters, in order of index.
   *
   * @param firstBytes size of the first bucket, at least 1
   * @param bytes size of the others, at least 1
   */
  static BucketLayout of(List<Need> parameters, long firstBytes, long bytes) {
    if (firstBytes < 1 || bytes < 1) {
      throw new IllegalArgumentException(
          "bucket sizes are " + firstBytes + " and " + bytes + " bytes, expected at least 1");
    }
    List<Bucket> buckets = new ArrayList<>();
    Slot[] slots = new Slot[parameters.size()];
    long count = 0;
    int held = 0;
    for (int i = parameters.size() - 1; i >= 0; i--) {
      Need need = parameters.get(i);
      slots[i] = new Slot(buckets.size(), count, need.count());
      count += padded(need);
      held++;
      long limit = buckets.isEmpty() ? firstBytes : bytes;
      boolean last = i == 0 || parameters.get(i - 1).dtype() != need.dtype();
      if (last || count * need.dtype().bytes() >= limit) {
        buckets.add(new Bucket(need.dtype(), count, held));
        count = 0;
        held = 0;
      }
    }
    return new BucketLayout(buckets, List.of(slots));
  }

  private static long padded(Need need) {
    long grain = ALIGNMENT_BYTES / need.dtype().bytes();
    return (need.count() + grain - 1) / grain * grain;
  }
}
