package dev.trireme.engine;

import dev.trireme.api.job.OptimizerSpec;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Device;
import dev.trireme.api.tensor.Shape;
import dev.trireme.engine.StateDict.Role;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Dispatcher;
import org.bytedeco.pytorch.GenericList;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.OperatorHandle;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorType;
import org.bytedeco.pytorch.Type;

/**
 * One update of all parameters, on libtorch's fused kernels: a single vectorised pass over
 * parameter, gradient and state, as in PyTorch with {@code fused=True}. JavaCPP has no Java method
 * for these operators, so they are called through libtorch's dispatcher.
 *
 * <p>Formulas: sgd as Sutskever et al. (2013) in PyTorch's form, without dampening; adam as Kingma
 * and Ba (2015) with L2 penalty in the gradient; adamw as Loshchilov and Hutter (2019); adagrad as
 * Duchi, Hazan and Singer (2011), without decay of the rate.
 *
 * <p>Threading: one thread at a time.
 */
final class Optimizer implements AutoCloseable {
  private final OptimizerSpec spec;
  private final Device device;
  private final StateDict state = new StateDict();
  private final List<Tensor> parameters = new ArrayList<>();
  private final List<Tensor> firstSlots = new ArrayList<>();
  private final List<Tensor> secondSlots = new ArrayList<>();
  private final Tensor updates;
  private final Tensor floatUpdates;
  private final OperatorHandle fused;

  /**
   * @param trained the parameters to update, in order
   * @param device where they are, and the optimizer's state with them
   */
  @SuppressWarnings("try") // a scope does its work by being open
  Optimizer(OptimizerSpec spec, List<StateDict.Entry> trained, Device device) {
    this.spec = spec;
    this.device = device;
    state.moveTo(device);
    try (PointerScope scope = new PointerScope()) {
      for (StateDict.Entry entry : trained) {
        // Detached, so that updates in place need no guard against autograd.
        parameters.add(state.own(entry.tensor().detach()));
        if (spec instanceof OptimizerSpec.Sgd sgd) {
          if (sgd.momentum() > 0) {
            firstSlots.add(slot(entry, "momentum_buffer"));
          }
        } else if (spec instanceof OptimizerSpec.Adagrad) {
          firstSlots.add(slot(entry, "sum"));
        } else {
          firstSlots.add(slot(entry, "exp_avg"));
          secondSlots.add(slot(entry, "exp_avg_sq"));
        }
      }
      updates =
          state.add("step", Tensors.zeros(Shape.of(), DType.INT64, device), Role.UPDATE_COUNT);
      floatUpdates = state.own(Tensors.zeros(Shape.of(), DType.FLOAT32, device));
      fused = state.own(Dispatcher.singleton().findSchemaOrThrow(operator(spec), ""));
    }
  }

  private Tensor slot(StateDict.Entry entry, String name) {
    return state.add(
        entry.name() + "." + name,
        Tensors.zeros(Tensors.shape(entry.tensor()), DType.FLOAT32, device),
        Role.BUFFER);
  }

  private static String operator(OptimizerSpec spec) {
    if (spec instanceof OptimizerSpec.Sgd) {
      return "aten::_fused_sgd_";
    }
    return spec instanceof OptimizerSpec.Adam ? "aten::_fused_adam_" : "aten::_fused_adamw_";
  }

  /** Slots of every parameter and the count of updates. */
  StateDict state() {
    return state;
  }

  /**
   * Runs one update.
   *
   * @param gradients of the parameters, in the same order
   */
  @SuppressWarnings("try") // a scope does its work by being open
  void update(List<Tensor> gradients, double learningRate) {
    if (parameters.isEmpty()) {
      return;
    }
    try (PointerScope scope = new PointerScope()) {
      // Counted where it stands: a device is not waited for.
      updates.add_(new Scalar(1));
      if (spec instanceof OptimizerSpec.Sgd sgd) {
        sgd(sgd, gradients, learningRate);
      } else if (spec instanceof OptimizerSpec.Adam a) {
        adam(gradients, learningRate, a.beta1(), a.beta2(), a.weightDecay(), a.eps());
      } else if (spec instanceof OptimizerSpec.AdamW a) {
        adam(gradients, learningRate, a.beta1(), a.beta2(), a.weightDecay(), a.eps());
      } else if (spec instanceof OptimizerSpec.Adagrad a) {
        adagrad(a, gradients, learningRate);
      }
    }
  }

  /** libtorch has a fused kernel for it on the CPU alone; these run anywhere. */
  private void adagrad(OptimizerSpec.Adagrad a, List<Tensor> gradients, double learningRate) {
    Scalar one = new Scalar(1.0);
    Scalar eps = new Scalar(a.eps());
    for (int i = 0; i < gradients.size(); i++) {
      Tensor parameter = parameters.get(i);
      Tensor gradient = gradients.get(i);
      if (a.weightDecay() > 0) {
        gradient = gradient.add(parameter, new Scalar(a.weightDecay()));
      }
      firstSlots.get(i).addcmul_(gradient, gradient, one);
      Tensor root = firstSlots.get(i).sqrt().add_(eps);
      parameter.addcdiv_(gradient, root, new Scalar(-learningRate));
    }
  }

  private void sgd(OptimizerSpec.Sgd sgd, List<Tensor> gradients, double learningRate) {
    if (sgd.momentum() == 0 && sgd.weightDecay() == 0) {
      // One plain pass; the fused kernel spends more on its arguments than it saves here.
      try (Scalar rate = new Scalar(-learningRate)) {
        for (int i = 0; i < gradients.size(); i++) {
          parameters.get(i).add_(gradients.get(i), rate);
        }
      }
      return;
    }
    // A momentum buffer of zeros gives what PyTorch's special first step gives.
    boolean firstStep = false;
    call(
        list(parameters),
        list(gradients),
        list(firstSlots),
        new IValue(sgd.weightDecay()),
        new IValue(sgd.momentum()),
        new IValue(learningRate),
        new IValue(0.0),
        new IValue(sgd.nesterov()),
        new IValue(false),
        new IValue(firstStep),
        new IValue(),
        new IValue());
  }

  private void adam(
      List<Tensor> gradients,
      double learningRate,
      double beta1,
      double beta2,
      double weightDecay,
      double eps) {
    floatUpdates.copy_(updates);
    List<Tensor> counts = Collections.nCopies(parameters.size(), floatUpdates);
    call(
        list(parameters),
        list(gradients),
        list(firstSlots),
        list(secondSlots),
        list(List.of()),
        list(counts),
        new IValue(learningRate),
        new IValue(beta1),
        new IValue(beta2),
        new IValue(weightDecay),
        new IValue(eps),
        new IValue(false),
        new IValue(false),
        new IValue(),
        new IValue());
  }

  private void call(IValue... arguments) {
    fused.callBoxed(new IValueVector(arguments));
  }

  /** Tensors as an argument of an operator. */
  static IValue list(List<Tensor> tensors) {
    GenericList list = new GenericList(new Type.TypePtr(TensorType.get()));
    for (Tensor tensor : tensors) {
      list.push_back(new IValue(tensor));
    }
    return new IValue(list);
  }

  @Override
  public void close() {
    state.close();
  }
}
