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
 * @param deterministic between which runs the trained weights are the same bits
 * @param logicalShards pieces that each global batch is cut into where {@code deterministic} is
 *     {@code elastic}; a power of two
 * @param microBatch the most items that go through forward and backward at once
 * @param precision that forward and backward compute in
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
        Optional<Double> clipGradNorm,
    @Key(
            value =
                "Runs that end with the same bits: those of one number of ranks (fixed), or all"
                    + " (elastic).",
            defaultValue = "fixed")
        Determinism deterministic,
    @Key(
            value =
                "Pieces of each global batch with deterministic: elastic; a power of two, at least"
                    + " the number of ranks. Another number gives other bits.",
            defaultValue = "4",
            min = 1,
            max = TrainSpec.MAX_LOGICAL_SHARDS)
        int logicalShards,
    @Key(
            value =
                "The most items in one forward and backward; a rank's part that has more is cut up"
                    + " and its gradients are accumulated.",
            min = 1)
        Optional<Integer> microBatch,
    @Key(
            value =
                "What forward and backward compute in: bf16 and fp16 are mixed precision, with"
                    + " weights and gradients in float32; fp16 is for GPUs and scales the loss.",
            defaultValue = "float32")
        Precision precision) {
  /** More would be items rather than shards. */
  public static final int MAX_LOGICAL_SHARDS = 1 << 12;

  /** The default of {@code logicalShards}. */
  public static final int LOGICAL_SHARDS = 4;

  /** Between which runs of a job the trained weights are the same bits. */
  public enum Determinism {
    /** Between runs on the same number of ranks. */
    FIXED,
    /** Between runs on any numbers of ranks, also when it changes on the way. */
    ELASTIC
  }

  /**
   * What forward and backward compute in. Weights, gradients and the optimizer's state are float32
   * in each of them.
   */
  public enum Precision {
    /** All of it in float32. */
    FLOAT32,
    /** Matrix products and convolutions in bfloat16, which has float32's range. */
    BF16,
    /** The same in float16, whose small range needs the loss scaled; on GPUs only. */
    FP16
  }

  /** Deterministic for one number of ranks, without micro batches, and in float32. */
  public TrainSpec(
      Optional<Integer> epochs,
      Optional<Long> steps,
      long seed,
      LossKind loss,
      OptimizerSpec optimizer,
      ScheduleSpec schedule,
      long warmupSteps,
      Optional<Double> clipGradNorm) {
    this(
        epochs,
        steps,
        seed,
        loss,
        optimizer,
        schedule,
        warmupSteps,
        clipGradNorm,
        Determinism.FIXED,
        LOGICAL_SHARDS,
        Optional.empty(),
        Precision.FLOAT32);
  }

  public TrainSpec {
    if (epochs.isEmpty() && steps.isEmpty()) {
      throw new SpecException("", "expected 'epochs' or 'steps' or both, found neither");
    }
    if (Integer.bitCount(logicalShards) != 1) {
      throw new SpecException(
          "logicalShards",
          "expected a power of two, found "
              + logicalShards
              + "; use "
              + 2 * Integer.highestOneBit(logicalShards));
    }
  }

  /** Whether the number of ranks must not show in the weights. */
  public boolean elastic() {
    return deterministic == Determinism.ELASTIC;
  }

  /** The number of steps of the whole job, for a set of this many items. */
  public long totalSteps(long items, int batchSize) {
    long perEpoch = (items + batchSize - 1) / batchSize;
    long byEpochs = epochs.map(e -> Math.multiplyExact(perEpoch, (long) e)).orElse(Long.MAX_VALUE);
    return Math.min(byEpochs, steps.orElse(Long.MAX_VALUE));
  }
}
