package dev.trireme.api.train;

import dev.trireme.api.job.ScheduleSpec;

/**
 * The learning rate as a pure function of the step: base rate, schedule and warm-up of the job.
 * Never a function of the world size.
 *
 * <p>With {@code t} the step counted from 0 and {@code T} the planned total: a linear warm-up over
 * the first {@code w} steps multiplies by {@code (t + 1) / w}; after it the schedule runs over the
 * remaining {@code n = T - w} steps, of which {@code i = t - w} are done. Cosine is Loshchilov and
 * Hutter, SGDR (2017), without restarts: it is at the base rate for {@code i = 0} and would reach
 * its minimum at {@code i = n}, so that the last step still moves. One-cycle is Smith and Topin,
 * Super-Convergence (2018), with cosine phases; it reaches its end with the last step, {@code i = n
 * - 1}. A schedule of a single step is at the base rate.
 *
 * @param base the optimizer's rate, above 0
 * @param schedule its course after the warm-up
 * @param warmupSteps at least 0
 * @param totalSteps planned for the whole job, at least 1
 */
public record LearningRate(double base, ScheduleSpec schedule, long warmupSteps, long totalSteps) {
  public LearningRate {
    if (!(base > 0 && base < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException(
          "learning rate is " + base + ", expected a number above 0");
    }
    if (warmupSteps < 0 || totalSteps < 1) {
      throw new IllegalArgumentException(
          "warm-up of " + warmupSteps + " steps in a total of " + totalSteps);
    }
  }

  /**
   * The rate of the step with this number.
   *
   * @param step 1 for the first; steps past the planned total keep the last rate
   * @return above 0, however far a schedule has come down
   */
  public double at(long step) {
    if (step < 1) {
      throw new IllegalArgumentException("step is " + step + ", expected 1 or more");
    }
    long t = Math.min(step, totalSteps) - 1;
    if (t < warmupSteps) {
      return base * (t + 1) / warmupSteps;
    }
    return Math.max(Double.MIN_NORMAL, base * factor(t - warmupSteps, totalSteps - warmupSteps));
  }

  private double factor(long t, long total) {
    if (schedule instanceof ScheduleSpec.Step s) {
      return Math.pow(s.gamma(), t / s.every());
    }
    if (schedule instanceof ScheduleSpec.Cosine s) {
      return anneal(1, s.minFactor(), (double) t / total);
    }
    if (schedule instanceof ScheduleSpec.OneCycle s && total > 1) {
      double done = (double) t / (total - 1);
      double peakAt = s.riseFraction();
      return done < peakAt
          ? anneal(1 / s.startDivisor(), 1, done / peakAt)
          : anneal(1, 1 / s.endDivisor(), (done - peakAt) / (1 - peakAt));
    }
    return 1;
  }

  private static double anneal(double from, double to, double done) {
    return to + (from - to) * (1 + Math.cos(Math.PI * done)) / 2;
  }
}
