package dev.trireme.api.engine;

import dev.trireme.api.tensor.TensorBuffer;

/** Takes gradients while backward is still running. */
@FunctionalInterface
public interface GradientSink {
  /**
   * Called once a parameter a step, as soon as its gradient is final, on the thread that runs
   * backward: the caller's on the CPU; on a device a thread of the engine's, while the caller of
   * {@link Replica#backward} waits. Never by two threads at once. It must copy what it needs and
   * return soon: backward waits for it. On a device the copy may be one that is enqueued on the
   * compute stream.
   *
   * @param parameter index in {@link Replica#parameters()}
   * @param gradient valid during the call only; a parameter that took no part in the loss arrives
   *     with zeros
   */
  void ready(int parameter, TensorBuffer gradient);
}
