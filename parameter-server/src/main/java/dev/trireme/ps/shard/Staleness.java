package dev.trireme.ps.shard;

import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * How old what workers read was: the distribution of the steps by which the slowest other worker
 * was behind. Exact up to {@value #LAST}, which stands for all above as well.
 *
 * <p>Threading: one thread writes; any may read {@link #counts}.
 */
public final class Staleness {
  /** The last class of the distribution. */
  public static final int LAST = 255;

  private final long[] counts = new long[LAST + 1];
  private long largest;

  /**
   * Counts one read.
   *
   * @param steps at least 0
   */
  public synchronized void add(long steps) {
    counts[(int) Math.min(steps, LAST)]++;
    largest = Math.max(largest, steps);
  }

  /** The largest seen; 0 before the first. */
  public synchronized long largest() {
    return largest;
  }

  /** Reads by steps behind, without those that never were. */
  public synchronized Map<Integer, Long> counts() {
    Map<Integer, Long> seen = new TreeMap<>();
    for (int steps = 0; steps <= LAST; steps++) {
      if (counts[steps] > 0) {
        seen.put(steps, counts[steps]);
      }
    }
    return seen;
  }

  /** As {@code 0: 120, 1: 14, 3: 2}. */
  @Override
  public String toString() {
    return counts().entrySet().stream()
        .map(e -> (e.getKey() == LAST ? LAST + " and more" : e.getKey()) + ": " + e.getValue())
        .collect(Collectors.joining(", "));
  }
}
