package dev.trireme.ps.shard;

import dev.trireme.api.job.ConsistencySpec;
import java.util.Arrays;
import java.util.OptionalLong;

/**
 * What one copy of a shard has taken in, and what follows from that: whether a push counts, when a
 * step is complete, and who may begin a step. Pure but for its own state; it knows no values and no
 * messages.
 *
 * <p>Each worker pushes its steps in order, so that (worker, step) is a sequence number: a push
 * seen before is a duplicate, however late it comes. Steps in which it has no part (see {@link
 * Portions}) are said with the push before them. Under bsp pushes are held until all workers have
 * said that each of their pushes of the step is held by every shard (they commit the step); then
 * any shard can apply it, and none is ever left that cannot. Under ssp and asp each push is applied
 * by itself; what is atomic is one worker's step on one shard.
 *
 * <p>The bound: under ssp with staleness {@code s}, worker {@code w} may begin step {@code b} once
 * every other worker's clock is at least {@code b - 1 - s}. So what it reads misses no update older
 * than that. bsp is {@code s = 0} with updates applied together.
 *
 * <p>Threading: one thread.
 */
public final class Clocks {
  /** The most workers: they travel as bits of a long. */
  public static final int MAX_WORKERS = 63;

  /** What becomes of a push. */
  public enum Ruling {
    /** It is kept until its step is complete. */
    HOLD,
    /** It is applied now. */
    APPLY,
    /** It was taken in before, and is not again. */
    DUPLICATE,
    /** Its step went on without it, as bsp with {@code drop} allows. */
    LATE,
    /** A step before it is missing: not possible between parts that keep to the protocol. */
    EARLY
  }

  private final ConsistencySpec consistency;
  private final long[] held;
  private final long[] pushed;
  private final long[] committed;
  private final boolean[] left;
  private long applied;

  /**
   * @param workers from 1 to {@value #MAX_WORKERS}
   * @param from the last step that the values hold already, of all workers
   */
  public Clocks(ConsistencySpec consistency, int workers, long from) {
    if (workers < 1 || workers > MAX_WORKERS) {
      throw new IllegalArgumentException(
          "expected 1 to " + MAX_WORKERS + " workers, found " + workers);
    }
    this.consistency = consistency;
    this.held = new long[workers];
    this.pushed = new long[workers];
    this.committed = new long[workers];
    this.left = new boolean[workers];
    Arrays.fill(held, from);
    Arrays.fill(pushed, from);
    Arrays.fill(committed, from);
    this.applied = from;
  }

  /** Whether a step is applied as one. */
  public boolean synchronous() {
    return consistency instanceof ConsistencySpec.Bsp;
  }

  /** What a push would become; changes nothing. */
  public Ruling rule(int worker, long step) {
    if (step <= held[worker]) {
      return Ruling.DUPLICATE;
    }
    if (!synchronous()) {
      return step == held[worker] + 1 ? Ruling.APPLY : Ruling.EARLY;
    }
    if (step <= applied) {
      return Ruling.LATE;
    }
    return step == applied + 1 ? Ruling.HOLD : Ruling.EARLY;
  }

  /** Takes a push in. */
  public Ruling push(int worker, long step) {
    return push(worker, step, step);
  }

  /**
   * Takes a push in.
   *
   * @param until the step ahead of the worker's next: there is nothing of it to wait for before
   */
  public Ruling push(int worker, long step, long until) {
    Ruling ruling = rule(worker, step);
    if (ruling != Ruling.DUPLICATE && ruling != Ruling.EARLY) {
      held[worker] = synchronous() ? step : Math.max(step, until);
      pushed[worker] = step;
    }
    return ruling;
  }

  /** A worker says that all its pushes of this step are held by every shard, so by this one too. */
  public void commit(int worker, long step) {
    committed[worker] = Math.max(committed[worker], step);
  }

  /** A worker has ended its training: nobody waits for it any more in this generation. */
  public void leave(int worker) {
    left[worker] = true;
  }

  /**
   * The workers whose gradients make the next step, a bit each; empty while it is not complete.
   * Always empty under ssp and asp.
   */
  public OptionalLong complete() {
    if (!(consistency instanceof ConsistencySpec.Bsp bsp)) {
      return OptionalLong.empty();
    }
    long who = 0;
    int needed = -bsp.drop();
    for (int worker = 0; worker < held.length; worker++) {
      needed += left[worker] ? 0 : 1;
      if (held[worker] > applied && committed[worker] > applied) {
        who |= 1L << worker;
      }
    }
    return Long.bitCount(who) >= Math.max(1, needed) ? OptionalLong.of(who) : OptionalLong.empty();
  }

  /** Whether the pushes of all these workers for the next step are held. */
  public boolean holdsAll(long who) {
    for (int worker = 0; worker < held.length; worker++) {
      if ((who >>> worker & 1) != 0 && held[worker] <= applied) {
        return false;
      }
    }
    return true;
  }

  /** The next step has been applied. */
  public void advance() {
    applied++;
  }

  /** Whether a worker may begin this step with the values as they are. */
  public boolean mayBegin(int worker, long step) {
    if (synchronous()) {
      return applied >= step - 1;
    }
    return !(consistency instanceof ConsistencySpec.Ssp ssp)
        || behind(worker, step) <= ssp.staleness();
  }

  /** By how many steps the slowest other worker is behind one that begins this step; at least 0. */
  public long behind(int worker, long step) {
    if (synchronous()) {
      return Math.max(0, step - 1 - applied);
    }
    long behind = 0;
    for (int other = 0; other < held.length; other++) {
      if (other != worker && !left[other]) {
        behind = Math.max(behind, step - 1 - held[other]);
      }
    }
    return behind;
  }

  /** Under bsp the last step applied; else the last that all workers have had applied. */
  public long applied() {
    return synchronous() ? applied : Arrays.stream(held).min().orElseThrow();
  }

  /** The last step of a worker for which there is nothing more of it to come. */
  public long clock(int worker) {
    return held[worker];
  }

  /** The last step of a worker that has been taken in: it goes on after that. */
  public long lastPush(int worker) {
    return pushed[worker];
  }

  /** Those of all workers. */
  public long[] clocks() {
    return held.clone();
  }

  /** The number of workers. */
  public int workers() {
    return held.length;
  }

  /**
   * A number that grows with everything taken in: of two copies, the one with more holds all that
   * the other does, for both take in the same pushes in the same order.
   */
  public long progress() {
    return Math.addExact(Arrays.stream(held).sum(), applied);
  }

  /** Forgets who committed what and who left: in a new generation every worker says it anew. */
  public void newGeneration() {
    Arrays.fill(committed, applied);
    Arrays.fill(left, false);
  }

  /** Numbers in a {@link #state}. */
  public static int stateLength(int workers) {
    return 2 * workers + 1;
  }

  /** The state in {@link #stateLength} numbers, for another copy. */
  public long[] state() {
    long[] state = Arrays.copyOf(held, stateLength(held.length));
    state[held.length] = applied;
    System.arraycopy(pushed, 0, state, held.length + 1, pushed.length);
    return state;
  }

  /** Takes over another copy's {@link #state}. */
  public void restore(long[] state) {
    if (state.length != stateLength(held.length)) {
      throw new IllegalArgumentException(
          "expected " + stateLength(held.length) + " clocks, found " + state.length);
    }
    System.arraycopy(state, 0, held, 0, held.length);
    applied = state[held.length];
    System.arraycopy(state, held.length + 1, pushed, 0, pushed.length);
    newGeneration();
  }
}
