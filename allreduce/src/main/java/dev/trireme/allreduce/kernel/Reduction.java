package dev.trireme.allreduce.kernel;

/**
 * How elements of one dtype become one under one operation. {@link Reductions} says what each dtype
 * does with overflow, NaN and zeros.
 *
 * <p>Threading: one thread at a time per instance. Blocking: never. All stretches of memory must be
 * mapped and must not overlap; they may begin at any address.
 */
public interface Reduction {
  /** destination[i] = destination[i] (op) source[i], for {@code count} elements. */
  void combine(long destination, long source, long count);

  /**
   * Ends a reduction over {@code worldSize} ranks: for a mean, divides by it; else does nothing.
   */
  void finish(long destination, long count, int worldSize);

  /**
   * The whole reduction of elements of all ranks at once: destination[i] = destination[i] (op) the
   * elements of every other rank in order of rank, finished. The same bits as {@link #combine} with
   * each and {@link #finish}, but for sums and means of 16-bit elements, which are added in float32
   * and rounded once.
   *
   * @param destination holds the elements of rank {@code own}, then the result
   * @param sources where the ranks' elements begin, one address a rank; that of {@code own} is not
   *     used
   * @param own the rank whose elements the destination holds
   * @param offset in bytes, added to every source
   * @param count of elements, at least 0
   */
  default void reduceAll(long destination, long[] sources, int own, long offset, long count) {
    for (int rank = 0; rank < sources.length; rank++) {
      if (rank != own) {
        combine(destination, sources[rank] + offset, count);
      }
    }
    finish(destination, count, sources.length);
  }
}
