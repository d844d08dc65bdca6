package dev.trireme.ps.shard;

import java.nio.IntBuffer;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * Which part of every batch each worker trains on where workers do not wait for each other: parts
 * as large as the workers are quick, so that one that is slow for good gets less to do and all stay
 * about as far. Fixed for a window of {@value #WINDOW} steps by whoever asks for it first, and the
 * same for all from then on: so every item of a batch is in the part of exactly one worker,
 * whenever that comes to it.
 *
 * <p>A worker's speed is items over computing time, both sums in which each step counts {@value
 * #KEEP} of the next one. What a step takes besides is not in it, so who is behind all the same
 * gets less still, until it has caught up. Nobody's part is empty, so that everybody's speed stays
 * known.
 *
 * <p>Pure but for its own state. Cost: O(workers) a step. Threading: one thread.
 */
public final class Portions {
  /** Steps for which parts stay the same. */
  public static final int WINDOW = 8;

  private static final double KEEP = 0.9;

  /** Steps behind, besides the first, for which a worker's part is halved. */
  private static final double PATIENCE = 2;

  private final int units;
  private final double[] items;
  private final double[] nanos;
  private final TreeMap<Long, int[]> fixed = new TreeMap<>();

  /**
   * @param workers at least 1
   * @param units in which parts are counted: items of a whole batch, at least {@code workers}
   */
  public Portions(int workers, int units) {
    if (workers < 1 || units < workers) {
      throw new IllegalArgumentException(
          "expected an item for each worker, found " + units + " for " + workers);
    }
    this.units = units;
    this.items = new double[workers];
    this.nanos = new double[workers];
  }

  /** The window that a step, counted from 1, is in. */
  public static long windowOf(long step) {
    return (step - 1) / WINDOW;
  }

  /** A worker has computed so many items in that time. */
  public void measured(int worker, long of, long inNanos) {
    items[worker] = KEEP * items[worker] + of;
    nanos[worker] = KEEP * nanos[worker] + Math.max(1, inNanos);
  }

  /** The parts of a window where they are fixed: where each worker's begins, and the end. */
  public Optional<int[]> of(long window) {
    return Optional.ofNullable(fixed.get(window)).map(int[]::clone);
  }

  /**
   * What the parts of a window would be by now; fixes nothing.
   *
   * @param clocks the last step that each worker has done
   */
  public int[] decide(long[] clocks) {
    long furthest = Arrays.stream(clocks).max().orElseThrow();
    double[] speeds = new double[items.length];
    double known = 0;
    int count = 0;
    for (int worker = 0; worker < speeds.length; worker++) {
      if (items[worker] > 0) {
        speeds[worker] = items[worker] / nanos[worker];
        known += speeds[worker];
        count++;
      }
    }
    double assumed = count == 0 ? 1 : known / count;
    double total = 0;
    for (int worker = 0; worker < speeds.length; worker++) {
      speeds[worker] = speeds[worker] > 0 ? speeds[worker] : assumed;
      // One step behind is as good as none: somebody is always first.
      speeds[worker] /= 1 + Math.max(0, furthest - clocks[worker] - 1) / PATIENCE;
      total += speeds[worker];
    }
    // Everybody gets one; what is left is dealt by speed, cut where the running sums fall.
    int free = units - speeds.length;
    int[] bounds = new int[speeds.length + 1];
    double sum = 0;
    for (int worker = 0; worker < speeds.length; worker++) {
      sum += speeds[worker];
      bounds[worker + 1] = worker + 1 + (int) Math.min(free, Math.round(free * (sum / total)));
    }
    bounds[speeds.length] = units;
    return bounds;
  }

  /**
   * Fixes the parts of a window; repeats with the same are ignored.
   *
   * @throws IllegalArgumentException for what are no parts, or others than are fixed
   */
  public void fix(long window, int[] bounds) {
    boolean sound =
        bounds.length == items.length + 1 && bounds[0] == 0 && bounds[items.length] == units;
    for (int i = 0; sound && i < items.length; i++) {
      sound = bounds[i] < bounds[i + 1];
    }
    int[] before = fixed.get(window);
    if (!sound || before != null && !Arrays.equals(before, bounds)) {
      throw new IllegalArgumentException(
          "expected the parts of window "
              + window
              + ", of "
              + units
              + " items for "
              + items.length
              + " workers"
              + (before == null ? "" : ", as before " + Arrays.toString(before))
              + "; found "
              + Arrays.toString(bounds));
    }
    fixed.put(window, bounds.clone());
  }

  /** Nobody will ask for windows before this one any more. */
  public void forgetBefore(long window) {
    fixed.headMap(window).clear();
  }

  /** Numbers (int32) that {@link #write} writes. */
  public int size() {
    return fixed.size() * (items.length + 2);
  }

  /** What is fixed, for another copy; speeds are found out again. */
  public void write(IntBuffer to) {
    for (Map.Entry<Long, int[]> window : fixed.entrySet()) {
      to.put(Math.toIntExact(window.getKey()));
      to.put(window.getValue());
    }
  }

  /** Takes over what another copy wrote. */
  public void read(IntBuffer from) {
    fixed.clear();
    while (from.hasRemaining()) {
      long window = from.get();
      int[] bounds = new int[items.length + 1];
      from.get(bounds);
      fix(window, bounds);
    }
  }
}
