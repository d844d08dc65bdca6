package dev.trireme.api.train;

import dev.trireme.api.job.ScheduleSpec;

/**
 * The learning rate as a pure function of the step: base rate, schedule and warm-up of the job.
 * Never a function of the world size.
 *
 * <p>With {@code t} the step counted from 0 and {@code T} the planned total: a linear warm-up over
 * the first {@code w} steps multiplies by {@code (t + 1) / w}; after it the schedule runs over the
 * remaining {@code T - w} steps. Cosine is Loshchilov and Hutter, SGDR (2017), without restarts;
 * one-cycle is Smith and Topin, Super-Convergence (2018), with cosine phases.
 *
 * @param base the optimizer's rate, above 0
 * @param schedule its course after the warm-up
 * @param warmupSteps at least 0
 * @param totalSteps planned for the whole job, at least 1
 */
public record LearningRate(double base, ScheduleSpec schedule, long warmupSteps, long totalSteps) {
  public LearningRate {
    if (!(base > 0)) {
      throw new IllegalArgumentException("learning rate is " + base + ", expected above 0");
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
   */
  public double at(long step) {
    if (step < 1) {
      throw new IllegalArgumentException("step is " + step + ", expected 1 or more");
    }
    long t = Math.min(step, totalSteps) - 1;
    if (t < warmupSteps) {
      return base * (t + 1) / warmupSteps;
    }
    return base * factor(t - warmupSteps, Math.max(1, totalSteps - warmupSteps));
  }

  private double factor(long t, long total) {
    double done = total <= 1 ? 1 : (double) t / (total - 1);
    if (schedule instanceof ScheduleSpec.Step s) {
      return Math.pow(s.gamma(), Math.floorDiv(t, s.every()));
    }
    if (schedule instanceof ScheduleSpec.Cosine s) {
      return anneal(1, s.minFactor(), done);
    }
    if (schedule instanceof ScheduleSpec.OneCycle s) {
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
