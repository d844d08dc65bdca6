package dev.trireme.allreduce.plan;

/**
 * Splits a buffer into one chunk a rank, as evenly as whole cache lines allow. Chunks begin at
 * multiples of 64 elements, so that no two ranks write to the same line; the last ones may be short
 * or empty.
 *
 * @param count elements of the whole, at least 0
 * @param parts number of chunks, at least 1
 */
record Chunks(long count, int parts) {
  private static final long GRAIN = 64;

  private long size() {
    long grains = (count + GRAIN - 1) / GRAIN;
    return (grains + parts - 1) / parts * GRAIN;
  }

  /** Where chunk {@code index} begins. */
  long from(int index) {
    return Math.min(count, index * size());
  }

  /** How many elements chunk {@code index} has. */
  long length(int index) {
    return Math.min(count, (index + 1) * size()) - from(index);
  }
}
