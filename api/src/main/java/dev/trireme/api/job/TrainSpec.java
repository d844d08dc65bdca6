package dev.trireme.api.job;

import java.util.Optional;

/**
 * How a job is trained.
 *
 * @param epochs passes over the training set; with {@code steps}, whichever ends first
 * @param steps optimizer updates
 * @param seed of weights, order of data, and everything drawn at random
 * @param loss what is minimised
 * @param optimizer how parameters follow gradients
 * @param schedule the course of the learning rate
 * @param warmupSteps over which the rate first rises in a line
 * @param clipGradNorm the largest norm of all gradients together
 */
public record TrainSpec(
    @Key(value = "Passes over the training set; with 'steps', whichever ends first.", min = 1)
        Optional<Integer> epochs,
    @Key(value = "Optimizer updates; with 'epochs', whichever ends first.", min = 1)
        Optional<Long> steps,
    @Key(value = "Seed of weights, order of data and all else drawn at random.", defaultValue = "1")
        long seed,
    @Key("What is minimised.") LossKind loss,
    @Key("How parameters follow gradients.") OptimizerSpec optimizer,
    @Key(value = "The course of the learning rate.", defaultValue = "constant")
        ScheduleSpec schedule,
    @Key(value = "Steps over which the rate first rises in a line.", defaultValue = "0", min = 0)
        long warmupSteps,
    @Key(value = "The largest norm of all gradients together.", min = 0, exclusiveMin = true)
        Optional<Double> clipGradNorm) {
  public TrainSpec {
    if (epochs.isEmpty() && steps.isEmpty()) {
      throw new SpecException("", "expected 'epochs' or 'steps' or both, found neither");
    }
  }

  /** The number of steps of the whole job, for a set of this many items. */
  public long totalSteps(long items, int batchSize) {
    long perEpoch = (items + batchSize - 1) / batchSize;
    long byEpochs = epochs.map(e -> Math.multiplyExact(perEpoch, (long) e)).orElse(Long.MAX_VALUE);
    return Math.min(byEpochs, steps.orElse(Long.MAX_VALUE));
  }
}
