package dev.trireme.data;

/**
 * A small random generator whose every bit is fixed by this file, unlike those of the JDK: orders
 * of epochs and generated items must be the same on every JVM, now and in later versions.
 *
 * <p>A counter goes up by an odd constant and is hashed at each call; the period is 2^64. Source:
 * Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (OOPSLA 2014). Cost:
 * about a nanosecond a number.
 *
 * <p>Threading: one thread.
 */
final class SplitMix64 {
  private static final long GOLDEN_GAMMA = 0x9E3779B97F4A7C15L;

  private long state;

  /** Two generators with different {@code seed} or {@code stream} have nothing in common. */
  SplitMix64(long seed, long stream) {
    state = mix(mix(seed + GOLDEN_GAMMA) ^ (stream * GOLDEN_GAMMA));
  }

  long nextLong() {
    state += GOLDEN_GAMMA;
    return mix(state);
  }

  /**
   * A number in {@code [0, bound)}, each equally probable: the product of 32 random bits and the
   * bound, of which the few low halves that would favour some numbers are drawn again. Source:
   * Lemire, "Fast random integer generation in an interval" (2019).
   */
  int nextInt(int bound) {
    long product = (nextLong() >>> 32) * bound;
    if ((product & 0xFFFFFFFFL) < bound) {
      long threshold = (1L << 32) % bound;
      while ((product & 0xFFFFFFFFL) < threshold) {
        product = (nextLong() >>> 32) * bound;
      }
    }
    return (int) (product >>> 32);
  }

  /** A number in {@code [0, 1)}. */
  double nextDouble() {
    return (nextLong() >>> 11) * 0x1p-53;
  }

  /** A number in {@code [from, to)}. */
  double uniform(double from, double to) {
    return from + (to - from) * nextDouble();
  }

  /**
   * A number that is normally distributed for practical purposes, with mean 0 and deviation 1,
   * always within 3.5: the sum of four 16-bit numbers. Logarithms, the usual way, may differ in
   * their last bit from one machine to another.
   */
  double gaussian() {
    return gaussian(nextLong());
  }

  private static double gaussian(long bits) {
    long sum = (bits & 0xFFFF) + (bits >>> 16 & 0xFFFF) + (bits >>> 32 & 0xFFFF) + (bits >>> 48);
    // The sum of four uniform numbers in [0, 65536) has mean 131070 and deviation 37837.
    return (sum - 131070) / 37837.2;
  }

  private static long mix(long value) {
    long z = value;
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }
}
