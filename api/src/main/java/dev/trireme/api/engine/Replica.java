package dev.trireme.api.engine;

import dev.trireme.api.data.Batch;
import dev.trireme.api.tensor.NamedTensor;
import dev.trireme.api.tensor.TensorBuffer;
import java.util.List;

/**
 * One copy of the model with its loss and its optimizer on one device.
 *
 * <p>A step is {@link #forward}, {@link #backward}, and once all gradients are reduced over the
 * ranks, {@link #optimize}. What forward draws at random is a function of the seed it is given and
 * of nothing else.
 *
 * <p>Threading: one thread at a time. Native memory made inside a call is freed before the step
 * ends; {@link #nativeBytes} shows what stayed.
 */
public interface Replica extends AutoCloseable {
  /** The trainable tensors, in the order of the model's definition. Addresses never change. */
  List<Parameter> parameters();

  /**
   * The parameters that are tables of which a step touches only some rows: those that the batch's
   * features name as indices. Forward reads no other rows, and the gradients of all others are
   * zero, so that an exchange may leave them where they are. Often none.
   *
   * @return indices in {@link #parameters}, ascending
   */
  default List<Integer> tables() {
    return List.of();
  }

  /**
   * Floating-point state besides parameters that forward changes from the rank's own part of the
   * batch (BatchNorm's running mean and variance). The loop averages it over the ranks each step,
   * weighted by their parts' sizes. Addresses never change; often empty.
   */
  List<NamedTensor> statistics();

  /**
   * Says that this batch is the next to be trained on, whole or in parts, so that a device can take
   * it over while the step before still computes. It is read during the call only. It changes no
   * result, and {@link #forward} needs no such call before it.
   *
   * @param next valid until the forwards of all its parts have returned
   */
  default void prepare(Batch next) {}

  /**
   * Runs the model in training mode and computes the loss of this rank's part. Gradients will be
   * those of the mean over the <em>global</em> batch: each rank's are scaled by {@code size /
   * globalSize}, so that their sum over the ranks is the gradient of the whole.
   *
   * @param batch may be empty: then the loss is {@link Loss#NONE} and the gradients are zeros
   * @param seed of everything drawn at random in this forward
   */
  Loss forward(Batch batch, long seed);

  /**
   * Runs backward from the last forward and hands each parameter's gradient to {@code sink} as soon
   * as it is final, last layers first; returns when every parameter has been handed over.
   */
  void backward(GradientSink sink);

  /**
   * Says where the reduced gradients will stand, one buffer a parameter in order of index. Called
   * once for each formation, before the first {@link #optimize}.
   *
   * @throws IllegalArgumentException when dtype, count or device of one differs from its
   *     parameter's
   */
  void bindGradients(List<TensorBuffer> reduced);

  /**
   * Clips the bound gradients where the job asks for it and runs one update of the optimizer. With
   * {@code train.precision: fp16} an update whose gradients are not finite is left out, on every
   * rank alike, and the loss is scaled by less from then on.
   *
   * @param learningRate for this step, above 0
   */
  void optimize(double learningRate);

  /**
   * Says how many updates there have been, where they are made elsewhere, as by a parameter server:
   * the model's own counts of updates, which {@link #optimize} keeps else, become that.
   *
   * @param updates at least 0
   */
  default void counted(long updates) {}

  /** Runs the model in evaluation mode; changes nothing. */
  Loss evaluate(Batch batch);

  /**
   * The model's parameters and buffers by PyTorch's names, in order of definition; views, not
   * copies.
   */
  List<NamedTensor> modelState();

  /**
   * The optimizer's state, named {@code <parameter>.<slot>} as {@code 0.weight.exp_avg}, and its
   * count of updates as {@code step} (int64, one element); views, not copies. Same names from the
   * first step on, zeros before it. With {@code train.precision: fp16} also {@code scaler.scale}
   * (float32) and {@code scaler.good_steps} (int64), one element each.
   */
  List<NamedTensor> optimizerState();

  /** Bytes of native memory the engine holds now; what grows from step to step leaks. */
  long nativeBytes();

  @Override
  void close();
}
