package dev.trireme.engine;

import dev.trireme.api.engine.GradientSink;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Device;
import dev.trireme.api.tensor.Shape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorBase;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.VoidTensorHook;
import org.bytedeco.pytorch.global.torch;

/**
 * Backward, handing over each parameter's gradient while it runs.
 *
 * <p>A hook on a leaf is called by libtorch once a backward, when every use of the parameter has
 * added its part, on the thread that runs backward. {@code torch::autograd::grad} rather than
 * {@code backward} is run, so that {@code .grad} stays undefined: nothing is accumulated into it,
 * and nothing has to be zeroed.
 *
 * <p>Threading: one thread calls; on a device, libtorch runs the hooks on a thread of its own while
 * that one waits.
 */
final class Gradients implements AutoCloseable {
  private final List<Tensor> parameters;
  private final TensorVector inputs;
  private final List<VoidTensorHook> hooks = new ArrayList<>();
  private final boolean[] delivered;
  private final Device device;
  private final Tensor zeros;
  private volatile Optional<GradientSink> sink = Optional.empty();
  private volatile Optional<Throwable> refusal = Optional.empty();

  /**
   * @param device where the parameters are
   */
  Gradients(List<Tensor> parameters, Device device) {
    this.device = device;
    this.parameters = List.copyOf(parameters);
    this.inputs = new TensorVector(parameters.toArray(new Tensor[0])).retainReference();
    this.delivered = new boolean[parameters.size()];
    long largest = parameters.stream().mapToLong(Tensor::numel).max().orElse(0);
    this.zeros = Tensors.zeros(Shape.of(largest), DType.FLOAT32, device).retainReference();
    for (int i = 0; i < parameters.size(); i++) {
      hooks.add(hook(parameters.get(i), i));
    }
  }

  private VoidTensorHook hook(Tensor parameter, int index) {
    VoidTensorHook hook =
        new VoidTensorHook() {
          @Override
          public void call(TensorBase gradient) {
            deliver(index, gradient);
          }
        };
    hook.retainReference();
    parameter.register_hook(hook);
    return hook;
  }

  /**
   * Runs backward from {@code loss} times {@code scale}.
   *
   * <p>No pointer scope is open while {@code sink} runs: it may make native objects of its own.
   *
   * @param loss a scalar with its graph, which is freed
   */
  void backward(Tensor loss, Tensor scale, GradientSink sink) {
    begin(sink);
    try (TensorVector outputs = new TensorVector(loss);
        TensorVector scales = new TensorVector(scale);
        BoolOptional retainGraph = new BoolOptional(false)) {
      // The hooks have delivered what it returns.
      torch.grad(outputs, inputs, scales, retainGraph, false, true).close();
    } catch (RuntimeException e) {
      throwRefusal();
      throw Failures.at("backward", e);
    } finally {
      this.sink = Optional.empty();
    }
    throwRefusal();
    deliverZeros(sink);
  }

  /** What the sink threw, on the thread that called backward. */
  private void throwRefusal() {
    Throwable thrown = refusal.orElse(null);
    if (thrown instanceof Error e) {
      throw e;
    }
    if (thrown instanceof RuntimeException e) {
      throw e;
    }
  }

  /** Delivers zeros for every parameter: this rank had no items. */
  void nothing(GradientSink sink) {
    begin(sink);
    this.sink = Optional.empty();
    deliverZeros(sink);
  }

  private void begin(GradientSink to) {
    Arrays.fill(delivered, false);
    sink = Optional.of(to);
    refusal = Optional.empty();
  }

  /** Called by libtorch: an exception must not pass through its frames. */
  private void deliver(int index, TensorBase gradient) {
    // Closed here, for the handle would keep the gradient's memory until the Java heap is
    // collected.
    try (gradient;
        TensorBase contiguous = gradient.contiguous()) {
      if (sink.isPresent() && refusal.isEmpty()) {
        sink.get().ready(index, Tensors.buffer(contiguous, device));
        delivered[index] = true;
      }
    } catch (RuntimeException | Error e) {
      refusal = Optional.of(e);
    }
  }

  /** Last parameters first, as backward would have come to them. */
  private void deliverZeros(GradientSink to) {
    for (int i = delivered.length - 1; i >= 0; i--) {
      if (!delivered[i]) {
        to.ready(i, Tensors.buffer(zeros, device).slice(0, parameters.get(i).numel()));
      }
    }
  }

  @Override
  public void close() {
    inputs.releaseReference();
    hooks.forEach(VoidTensorHook::releaseReference);
    zeros.releaseReference();
  }
}
