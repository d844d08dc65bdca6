package dev.trireme.api.train;

/**
 * Which step and which part of it an exchange is in; holds the caller to the order that {@link
 * GradientExchange} asks for.
 *
 * <p>Threading: as the exchange.
 */
public final class StepParts {
  private static final long NO_STEP = -1;

  private long step = NO_STEP;
  private int part;
  private int count = 1;

  /**
   * {@link GradientExchange#part}.
   *
   * @throws IllegalStateException when another part is due
   */
  public void part(int index, int of) {
    boolean follows = index == 0 ? step == NO_STEP : index == part + 1 && of == count;
    if (!follows || index >= of) {
      throw new IllegalStateException(
          "part "
              + (index + 1)
              + " of "
              + of
              + " follows part "
              + (part + 1)
              + " of "
              + count
              + ": expected each part of a step once, in order");
    }
    part = index;
    count = of;
  }

  /**
   * {@link GradientExchange#begin}.
   *
   * @throws IllegalStateException when the step before has not ended
   */
  public void begin(long next) {
    if (step != (part == 0 ? NO_STEP : next)) {
      throw new IllegalStateException(
          "step " + next + " begins, but step " + step + " has not been awaited");
    }
    step = next;
  }

  /**
   * A gradient comes.
   *
   * @throws IllegalStateException when no step has begun
   */
  public void requireBegun() {
    if (step == NO_STEP) {
      throw new IllegalStateException("a gradient arrived before the step began");
    }
  }

  /**
   * {@link GradientExchange#await}.
   *
   * @throws IllegalStateException when no step has begun, or another part of it is due
   */
  public void requireLast() {
    if (step == NO_STEP) {
      throw new IllegalStateException("no step has begun");
    }
    if (!isLast()) {
      throw new IllegalStateException(
          "step " + step + " is awaited after part " + (part + 1) + " of " + count);
    }
  }

  /** The step is over, or given up. */
  public void end() {
    step = NO_STEP;
    part = 0;
    count = 1;
  }

  /** The step that has begun; -1 between steps. */
  public long step() {
    return step;
  }

  /** The part, from 0. */
  public int index() {
    return part;
  }

  /** How many parts. */
  public int count() {
    return count;
  }

  /** Whether it is the first part of its step. */
  public boolean isFirst() {
    return part == 0;
  }

  /** Whether it is the last part of its step. */
  public boolean isLast() {
    return part == count - 1;
  }
}
