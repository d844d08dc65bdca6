package dev.trireme.engine;

/**
 * By what the loss is multiplied so that gradients in float16 do not vanish: a pure function of
 * which steps' gradients have been finite. It is doubled after {@value #GROWTH_STEPS} good steps in
 * a row, and halved at once after a bad one, within bounds.
 *
 * <p>Source: Micikevicius et al., "Mixed precision training" (2018), section 3.2, with the numbers
 * of PyTorch's {@code GradScaler}. Powers of two, so that scaling loses no bit.
 *
 * @param scale a power of two from {@link #SMALLEST} to {@link #LARGEST}
 * @param goodSteps in a row since the scale last changed, below {@value #GROWTH_STEPS}
 */
record LossScale(double scale, long goodSteps) {
  /** Good steps in a row before it is doubled. */
  static final long GROWTH_STEPS = 2000;

  static final double SMALLEST = 0x1p-14;
  static final double LARGEST = 0x1p24;

  /** Before the first step. */
  static final LossScale INITIAL = new LossScale(65536, 0);

  LossScale {
    if (!(scale >= SMALLEST && scale <= LARGEST)
        || Math.scalb(1, Math.getExponent(scale)) != scale) {
      throw new IllegalArgumentException(
          "expected a loss scale that is a power of two from "
              + SMALLEST
              + " to "
              + LARGEST
              + ", found "
              + scale);
    }
    if (goodSteps < 0 || goodSteps >= GROWTH_STEPS) {
      throw new IllegalArgumentException(
          "expected 0 to " + (GROWTH_STEPS - 1) + " good steps, found " + goodSteps);
    }
  }

  /**
   * After one more step.
   *
   * @param finite whether all of its reduced gradients were
   */
  LossScale after(boolean finite) {
    if (!finite) {
      return new LossScale(Math.max(SMALLEST, scale / 2), 0);
    }
    return goodSteps + 1 < GROWTH_STEPS
        ? new LossScale(scale, goodSteps + 1)
        : new LossScale(Math.min(LARGEST, scale * 2), 0);
  }

  /** Whether it cannot be lowered: gradients that are not finite then have another cause. */
  boolean isSmallest() {
    return scale == SMALLEST;
  }
}
