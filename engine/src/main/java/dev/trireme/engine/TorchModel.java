package dev.trireme.engine;

import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.Tensor;

/**
 * A model written in Java on libtorch.
 *
 * <p>Threading: the engine calls it from one thread at a time. Native memory: what {@link #forward}
 * makes is freed by the engine at the end of the step, so it must keep no tensor across calls.
 */
public interface TorchModel {
  /**
   * The owner of the parameters and buffers, under the names that checkpoints will carry; the same
   * object each time. The engine switches it between training and evaluation, and closes it.
   */
  Module module();

  /**
   * Runs the model. Tensors that it makes must be where the input is, which may be a device: the
   * engine has then moved the module's parameters and buffers there.
   *
   * @param input {@code batch x itemShape}
   * @return {@code batch x outputs}, as the job's loss expects
   */
  Tensor forward(Tensor input);
}
