package dev.trireme.api.job;

/** How parameters follow their gradients. */
public sealed interface OptimizerSpec {
  /** The base learning rate. */
  double lr();

  /** Stochastic gradient descent. */
  @Variant(value = "sgd", doc = "Stochastic gradient descent.")
  record Sgd(
      @Key(value = "Learning rate.", min = 0, exclusiveMin = true) double lr,
      @Key(value = "Momentum.", defaultValue = "0", min = 0, max = 1) double momentum,
      @Key(value = "Whether the momentum is Nesterov's.", defaultValue = "false") boolean nesterov,
      @Key(value = "L2 penalty.", defaultValue = "0", min = 0) double weightDecay)
      implements OptimizerSpec {
    public Sgd {
      if (nesterov && momentum == 0) {
        throw new SpecException(
            "nesterov", "Nesterov needs a momentum above 0; set momentum, as 0.9");
      }
    }
  }

  /** Kingma and Ba (2015). */
  @Variant(value = "adam", doc = "Adam.")
  record Adam(
      @Key(value = "Learning rate.", defaultValue = "1e-3", min = 0, exclusiveMin = true) double lr,
      @Key(value = "Decay of the mean of gradients.", defaultValue = "0.9", min = 0, max = 1)
          double beta1,
      @Key(value = "Decay of the mean of squares.", defaultValue = "0.999", min = 0, max = 1)
          double beta2,
      @Key(value = "Added to the denominator.", defaultValue = "1e-8", min = 0, exclusiveMin = true)
          double eps,
      @Key(value = "L2 penalty.", defaultValue = "0", min = 0) double weightDecay)
      implements OptimizerSpec {}

  /** Adam with decoupled weight decay: Loshchilov and Hutter (2019). */
  @Variant(value = "adamw", doc = "Adam with decoupled weight decay.")
  record AdamW(
      @Key(value = "Learning rate.", defaultValue = "1e-3", min = 0, exclusiveMin = true) double lr,
      @Key(value = "Decay of the mean of gradients.", defaultValue = "0.9", min = 0, max = 1)
          double beta1,
      @Key(value = "Decay of the mean of squares.", defaultValue = "0.999", min = 0, max = 1)
          double beta2,
      @Key(value = "Added to the denominator.", defaultValue = "1e-8", min = 0, exclusiveMin = true)
          double eps,
      @Key(value = "Weight decay.", defaultValue = "1e-2", min = 0) double weightDecay)
      implements OptimizerSpec {}

  /** Duchi, Hazan and Singer (2011). */
  @Variant(value = "adagrad", doc = "Adagrad: rates that fall with the squares of gradients.")
  record Adagrad(
      @Key(value = "Learning rate.", defaultValue = "1e-2", min = 0, exclusiveMin = true) double lr,
      @Key(
              value = "Added to the denominator.",
              defaultValue = "1e-10",
              min = 0,
              exclusiveMin = true)
          double eps,
      @Key(value = "L2 penalty.", defaultValue = "0", min = 0) double weightDecay)
      implements OptimizerSpec {}
}
