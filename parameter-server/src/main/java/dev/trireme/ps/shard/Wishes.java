package dev.trireme.ps.shard;

import java.util.Arrays;
import java.util.stream.LongStream;

/**
 * Wishes of workers that do not wait for each other, to stop or to save, made one step for all: the
 * last that any worker may have begun when the wish comes. No worker is beyond it yet, and whoever
 * reads next is told; so all come to it, and know it when they do.
 *
 * <p>A further wish waits until all have begun a later step: who was told of the first must not be
 * told otherwise.
 *
 * <p>Pure but for its own state. Threading: one thread.
 */
public final class Wishes {
  /** To stop after the step. */
  public static final int STOP = 1;

  /** To save after the step. */
  public static final int SAVE = 2;

  private static final int KINDS = 4;

  private final long[] begun;
  private int open;
  private int agreed;
  private long step;

  /**
   * @param next no worker begins a later step than this with values that it has read before; where
   *     workers go on after different steps, who is further on may not have read yet when another
   *     wishes
   */
  public Wishes(long[] next) {
    this.begun = next.clone();
  }

  /** With those that go on where a copy of a shard has them. */
  public static Wishes after(Clocks clocks) {
    return new Wishes(LongStream.of(clocks.clocks()).map(clock -> clock + 1).toArray());
  }

  /** Somebody wishes. */
  public void wish(int kinds) {
    open |= kinds & (KINDS - 1);
    agree();
  }

  /**
   * A worker is about to be told the values with which it begins a step.
   *
   * @return for {@link #stepOf} and {@link #kindsAfter}; 0 where there is no wish
   */
  public long begins(int worker, long next) {
    begun[worker] = Math.max(begun[worker], next);
    long told = agreed == 0 ? 0 : step * KINDS + agreed;
    // Only now, for the last who comes beyond the step has to hear of it as well.
    agree();
    return told;
  }

  private void agree() {
    if (agreed != 0 && Arrays.stream(begun).min().orElseThrow() > step) {
      agreed = 0;
    }
    if (agreed == 0 && open != 0) {
      agreed = open;
      open = 0;
      step = Arrays.stream(begun).max().orElseThrow();
    }
  }

  /** The step after which a wish is due. */
  public static long stepOf(long told) {
    return told / KINDS;
  }

  /** What is due after a step, by what was told with its values. */
  public static int kindsAfter(long told, long ofStep) {
    return stepOf(told) == ofStep ? (int) (told % KINDS) : 0;
  }
}
