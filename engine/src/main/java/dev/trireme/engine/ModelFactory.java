package dev.trireme.engine;

import dev.trireme.api.tensor.Shape;

/**
 * Builds a job's own model: the class that {@code model.class} names implements it and has a public
 * constructor without parameters.
 *
 * <p>Beware of what {@code Module.register_parameter} and {@code register_buffer} return: through
 * JavaCPP it points into the module's own list and dangles once something else is registered. Keep
 * the tensor that was passed in; it is the registered one.
 *
 * <p>A tensor that is registered under two names is one parameter, by its first name; checkpoints
 * hold it under both, as PyTorch's state dict does. Buffers are known by BatchNorm's names: {@code
 * running_mean} and {@code running_var} are averaged over the ranks, {@code num_batches_tracked}
 * counts updates, and any other must be the same on all ranks.
 */
@FunctionalInterface
public interface ModelFactory {
  /**
   * Builds the model. libtorch's generator has been seeded with {@code seed}, so that the usual
   * initialisations are already a function of it.
   *
   * @param seed of the weights: the same seed must give the same bits
   * @param itemShape of one item of the data, without the batch dimension
   * @param classes number of classes, 0 when labels are real values
   */
  TorchModel build(long seed, Shape itemShape, int classes);
}
