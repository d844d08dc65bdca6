package dev.trireme.ps;

import dev.trireme.api.data.Share;
import dev.trireme.ps.shard.Portions;
import java.util.TreeMap;

/**
 * One worker's parts of batches as the servers deal them, see {@link Portions}: asked for once a
 * window of steps, and kept while anybody here may want to know.
 *
 * <p>Threading: one thread.
 */
final class Dealt {
  /** Asks the servers; blocks until they have answered. */
  @FunctionalInterface
  interface Asking {
    int[] ask(long window, long step);
  }

  /** Into how many equal pieces an evaluation set is cut before it is dealt. */
  static final int PIECES = 64;

  private final int worker;
  private final int workers;
  private final Asking asking;
  private final TreeMap<Long, int[]> windows = new TreeMap<>();

  Dealt(int worker, int workers, Asking asking) {
    this.worker = worker;
    this.workers = workers;
    this.asking = asking;
  }

  private int[] parts(long step) {
    long window = Portions.windowOf(step);
    int[] known = windows.get(window);
    if (known == null) {
      known = asking.ask(window, step);
      windows.put(window, known);
      // The batch after a step is read before the step is done: no older window is asked about.
      windows.headMap(windows.lastKey() - 1).clear();
    }
    return known;
  }

  private int bound(int[] parts, long step, int index) {
    return Portions.bound(parts, workers, step, index);
  }

  /** Whether this worker has no part in a step of a window whose parts it has asked for. */
  boolean rests(long step) {
    int[] known = windows.get(Portions.windowOf(step));
    return known != null && Portions.rests(known, workers, worker, step);
  }

  /** The step ahead of this worker's next one, where it trains on a step. */
  long until(long step) {
    int[] known = windows.get(Portions.windowOf(step));
    long until = step;
    while (known != null
        && Portions.windowOf(until + 1) == Portions.windowOf(step)
        && Portions.rests(known, workers, worker, until + 1)) {
      until++;
    }
    return until;
  }

  /** Its part of a step's batch, as pieces of it: where it begins, where it ends, of how many. */
  int[] part(long step) {
    int[] parts = parts(step);
    return new int[] {
      bound(parts, step, worker), bound(parts, step, worker + 1), bound(parts, step, workers)
    };
  }

  /** The smallest share that holds its parts of all steps of a window. */
  Share widest(long ofStep) {
    int[] parts = parts(ofStep);
    int begin = Integer.MAX_VALUE;
    int end = 0;
    for (long step = 1; step <= Portions.WINDOW; step++) {
      if (!Portions.rests(parts, workers, worker, step)) {
        begin = Math.min(begin, bound(parts, step, worker));
        end = Math.max(end, bound(parts, step, worker + 1));
      }
    }
    return new Share(begin, end - begin, bound(parts, ofStep, workers));
  }

  /**
   * A worker's pieces of an evaluation set, of {@value #PIECES}: as large a part as it has of the
   * batches of a step's window.
   *
   * @return the first, and the one behind the last
   */
  int[] pieces(long ofStep, int of) {
    int[] parts = parts(ofStep);
    double before = 0;
    double mine = 0;
    double all = 0;
    for (long step = 1; step <= Portions.WINDOW; step++) {
      before += bound(parts, step, of);
      mine += bound(parts, step, of + 1) - bound(parts, step, of);
      all += bound(parts, step, workers);
    }
    return new int[] {
      (int) Math.round(PIECES * before / all), (int) Math.round(PIECES * (before + mine) / all)
    };
  }
}
