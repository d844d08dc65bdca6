package dev.trireme.allreduce.kernel;

/**
 * How elements of one dtype become one under one operation.
 *
 * <p>Threading: one thread at a time per instance. Blocking: never. Both stretches of memory must
 * be mapped and must not overlap.
 */
public interface Reduction {
  /** destination[i] = destination[i] (op) source[i], for {@code count} elements. */
  void combine(long destination, long source, long count);

  /**
   * Ends a reduction over {@code worldSize} ranks: for a mean, divides by it; else does nothing.
   */
  void finish(long destination, long count, int worldSize);
}
