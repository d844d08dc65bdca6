package dev.trireme.ps;

import dev.trireme.api.data.Share;
import dev.trireme.ps.shard.Portions;
import java.util.Optional;
import java.util.TreeMap;

/**
 * One worker's parts of batches as the servers deal them, see {@link Portions}: asked for once a
 * window of steps, some steps ahead of it so that batches can be read ahead, and kept while anybody
 * here may want to know.
 *
 * <p>Threading: {@link #awaitShare} on the thread that reads batches, the rest on the training
 * thread.
 */
final class Dealt {
  /** Asks the servers; blocks until they have answered. */
  @FunctionalInterface
  interface Asking {
    /**
     * @param step the first of the window that this worker comes to
     */
    int[] ask(long window, long step);
  }

  /** Into how many equal pieces an evaluation set is cut before it is dealt. */
  static final int PIECES = 64;

  /** Steps ahead of which parts are asked for: as many as batches are read ahead by default. */
  private static final int AHEAD = 2;

  private final int worker;
  private final int workers;
  private final Asking asking;
  private final TreeMap<Long, int[]> windows = new TreeMap<>();

  Dealt(int worker, int workers, Asking asking) {
    this.worker = worker;
    this.workers = workers;
    this.asking = asking;
  }

  /** This worker is about to get the batch of a step: asks for what it will have to know. */
  void comesTo(long step) {
    parts(step, step);
    parts(step + AHEAD, step);
  }

  /**
   * @param atHand the step that this worker comes to next
   */
  private int[] parts(long step, long atHand) {
    long window = Portions.windowOf(step);
    int[] known = find(window);
    if (known == null) {
      known = asking.ask(window, Math.max(atHand, window * Portions.WINDOW + 1));
      keep(window, known);
    }
    return known;
  }

  private synchronized int[] find(long window) {
    return windows.get(window);
  }

  private synchronized void keep(long window, int[] parts) {
    windows.put(window, parts);
    // What is done last is in the newest window but one, at least.
    windows.headMap(windows.lastKey() - 1).clear();
    notifyAll();
  }

  /**
   * Its share of the batch of a step; empty where it has no part in that.
   *
   * <p>Blocking: until {@link #comesTo} has asked for it.
   */
  synchronized Optional<Share> awaitShare(long step) throws InterruptedException {
    long window = Portions.windowOf(step);
    while (!windows.containsKey(window)) {
      wait();
    }
    int[] parts = windows.get(window);
    int begin = Portions.bound(parts, workers, step, worker);
    int end = Portions.bound(parts, workers, step, worker + 1);
    return begin == end
        ? Optional.empty()
        : Optional.of(new Share(begin, end - begin, Portions.bound(parts, workers, step, workers)));
  }

  /** Whether this worker has no part in a step of a window whose parts it has asked for. */
  boolean rests(long step) {
    int[] known = find(Portions.windowOf(step));
    return known != null && Portions.rests(known, workers, worker, step);
  }

  /** The step ahead of this worker's next one, where it trains on a step. */
  long until(long step) {
    int[] known = find(Portions.windowOf(step));
    long until = step;
    while (known != null
        && Portions.windowOf(until + 1) == Portions.windowOf(step)
        && Portions.rests(known, workers, worker, until + 1)) {
      until++;
    }
    return until;
  }

  /**
   * A worker's pieces of an evaluation set, of {@value #PIECES}: as large a part as it has of the
   * batches of a step's window.
   *
   * @return the first, and the one behind the last
   */
  int[] pieces(long ofStep, int of) {
    int[] parts = parts(ofStep, ofStep + 1);
    double before = 0;
    double mine = 0;
    double all = 0;
    for (long step = 1; step <= Portions.WINDOW; step++) {
      int begin = Portions.bound(parts, workers, step, of);
      before += begin;
      mine += Portions.bound(parts, workers, step, of + 1) - begin;
      all += Portions.bound(parts, workers, step, workers);
    }
    return new int[] {
      (int) Math.round(PIECES * before / all), (int) Math.round(PIECES * (before + mine) / all)
    };
  }
}
