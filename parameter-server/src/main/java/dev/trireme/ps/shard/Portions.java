package dev.trireme.ps.shard;

import dev.trireme.api.job.ConsistencySpec;
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
 * <p>A step has a cost that no smaller part takes away: to push, to pull, to wait for answers. So a
 * worker with less than half of an equal part takes part in every second, fourth or eighth step
 * only, in that with so much more, and rests in between; it always takes part in the first step of
 * a window. A worker that rests has nothing to push, so nobody waits for it: its clock goes ahead
 * to where it next takes part.
 *
 * <p>A worker's speed is items over the time that its steps took, both sums in which each step
 * counts {@value #KEEP} of the next one. Who is behind all the same gets less still, until it has
 * caught up. Nobody's part of a window is empty, so that everybody's speed stays known.
 *
 * <p>Pure but for its own state. Cost: O(workers) a step. Threading: one thread.
 */
public final class Portions {
  /** Steps for which parts stay the same. */
  public static final int WINDOW = 8;

  private static final double KEEP = 0.9;

  /** Steps behind, besides the first, for which a worker's part is halved. */
  private static final double PATIENCE = 2;

  /** Of an equal part: who is due less than that rests, and then takes at most the other. */
  private static final double RESTS_BELOW = 0.5;

  private static final double MOST_AT_ONCE = 1.5;

  private final int units;
  private final int longest;
  private final double[] items;
  private final double[] nanos;
  private final TreeMap<Long, int[]> fixed = new TreeMap<>();

  /**
   * @param workers at least 1
   * @param units in which parts are counted: items of a whole batch, at least {@code workers}
   * @param longest from one step in which a worker takes part to its next, at most; see {@link
   *     #longestStride}
   */
  public Portions(int workers, int units, int longest) {
    if (workers < 1 || units < workers) {
      throw new IllegalArgumentException(
          "expected an item for each worker, found " + units + " for " + workers);
    }
    this.units = units;
    this.longest = Math.min(WINDOW, longest);
    this.items = new double[workers];
    this.nanos = new double[workers];
  }

  /**
   * How far apart the steps of a worker may be. Under ssp with staleness {@code s} it begins the
   * one after step {@code n} only when the others are at most {@code s} behind; with more than
   * {@code s + 1} that could be later than a step at which all meet, and they would wait for each
   * other.
   */
  public static int longestStride(ConsistencySpec consistency) {
    return consistency instanceof ConsistencySpec.Ssp ssp
        ? (int) Math.min(WINDOW, ssp.staleness() + 1L)
        : WINDOW;
  }

  /**
   * Where a worker's part of a step's batch begins, in units.
   *
   * @param parts of the step's window
   * @param index of the worker, or their number for the end of the batch
   */
  public static int bound(int[] parts, int workers, long step, int index) {
    return parts[(int) ((step - 1) % WINDOW) * (workers + 1) + index];
  }

  /** Whether a worker has no part in a step. */
  public static boolean rests(int[] parts, int workers, int worker, long step) {
    return bound(parts, workers, step, worker) == bound(parts, workers, step, worker + 1);
  }

  /** Numbers that the parts of a window are. */
  public static int length(int workers) {
    return WINDOW * (workers + 1);
  }

  /** The window that a step, counted from 1, is in. */
  public static long windowOf(long step) {
    return (step - 1) / WINDOW;
  }

  /** A worker has done so many items in that time. */
  public void measured(int worker, long of, long inNanos) {
    items[worker] = KEEP * items[worker] + of;
    nanos[worker] = KEEP * nanos[worker] + Math.max(1, inNanos);
  }

  /** The parts of a window where they are fixed, see {@link #bound}. */
  public Optional<int[]> of(long window) {
    return Optional.ofNullable(fixed.get(window)).map(int[]::clone);
  }

  /**
   * What the parts of a window would be by now; fixes nothing.
   *
   * @param clocks the last step that each worker has done
   * @param whole whether all come to the window at its first step; else nobody rests in it, for who
   *     joins at a step in which it rests would push none that follows on its clock
   */
  public int[] decide(long[] clocks, boolean whole) {
    double[] due = shares();
    int[] strides = strides(due, whole);
    long furthest = 0;
    for (int worker = 0; worker < due.length; worker++) {
      // The clock of who rests is ahead of what it has done.
      furthest = strides[worker] == 1 ? Math.max(furthest, clocks[worker]) : furthest;
    }
    for (int worker = 0; worker < due.length; worker++) {
      // One step behind is as good as none: somebody is always first.
      due[worker] /= 1 + Math.max(0, furthest - clocks[worker] - strides[worker]) / PATIENCE;
    }
    normalise(due);
    strides = strides(due, whole);
    int[] parts = new int[length(due.length)];
    for (int step = 0; step < WINDOW; step++) {
      cut(parts, step, due, strides);
    }
    return parts;
  }

  /** By speed; who is not known yet counts as the others do on the average. */
  private double[] shares() {
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
    for (int worker = 0; worker < speeds.length; worker++) {
      speeds[worker] = speeds[worker] > 0 ? speeds[worker] : assumed;
    }
    normalise(speeds);
    return speeds;
  }

  private static void normalise(double[] shares) {
    double total = Arrays.stream(shares).sum();
    for (int i = 0; i < shares.length; i++) {
      shares[i] /= total;
    }
  }

  private int[] strides(double[] due, boolean whole) {
    int[] strides = new int[due.length];
    for (int worker = 0; worker < due.length; worker++) {
      double equal = due[worker] * due.length;
      int stride = 1;
      while (whole
          && equal < RESTS_BELOW
          && 2 * stride <= longest
          && equal * 2 * stride <= MOST_AT_ONCE) {
        stride *= 2;
      }
      strides[worker] = stride;
    }
    return strides;
  }

  /** Everybody who takes part gets one; what is left is dealt, cut where the running sums fall. */
  private void cut(int[] parts, int step, double[] due, int[] strides) {
    int takers = 0;
    double total = 0;
    for (int worker = 0; worker < due.length; worker++) {
      boolean takes = step % strides[worker] == 0;
      takers += takes ? 1 : 0;
      total += takes ? due[worker] * strides[worker] : 0;
    }
    int free = units - takers;
    int given = 0;
    double sum = 0;
    int at = step * (due.length + 1);
    for (int worker = 0; worker < due.length; worker++) {
      boolean takes = step % strides[worker] == 0;
      given += takes ? 1 : 0;
      sum += takes ? due[worker] * strides[worker] : 0;
      parts[at + worker + 1] = given + (int) Math.min(free, Math.round(free * (sum / total)));
    }
    for (int worker = due.length; worker > 0 && parts[at + worker] != units; worker--) {
      // Rounding of the sums, where the last ones rest.
      parts[at + worker] = units;
    }
  }

  /**
   * Fixes the parts of a window; repeats with the same are ignored.
   *
   * @throws IllegalArgumentException for what are no parts, or others than are fixed
   */
  public void fix(long window, int[] parts) {
    boolean sound = parts.length == length(items.length);
    for (int i = 0; sound && i < parts.length; i++) {
      int worker = i % (items.length + 1);
      sound =
          worker == 0
              ? parts[i] == 0
              : parts[i - 1] < parts[i] || i > items.length && parts[i - 1] == parts[i];
      sound &= worker < items.length || parts[i] == units;
    }
    int[] before = fixed.get(window);
    if (!sound || before != null && !Arrays.equals(before, parts)) {
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
              + Arrays.toString(parts));
    }
    fixed.put(window, parts.clone());
  }

  /** Nobody will ask for windows before this one any more. */
  public void forgetBefore(long window) {
    fixed.headMap(window).clear();
  }

  /** Numbers (int32) that {@link #write} writes. */
  public int size() {
    return fixed.size() * (length(items.length) + 1);
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
      int[] parts = new int[length(items.length)];
      from.get(parts);
      fix(window, parts);
    }
  }
}
