package dev.trireme.systemtests;

import dev.trireme.api.tensor.Shape;
import dev.trireme.engine.ModelFactory;
import dev.trireme.engine.TorchModel;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;

/** A linear model that asks for more memory than any machine has after a few steps. */
public final class GreedyModel implements ModelFactory {
  static final int GOOD_STEPS = 5;

  /** More bytes than a process can address. */
  private static final long TOO_MANY = 1L << 47;

  @Override
  public TorchModel build(long seed, Shape itemShape, int classes) {
    return new Linear(itemShape.elements(), classes);
  }

  /** Its memory suffices for so many batches. */
  static final class Linear implements TorchModel {
    private final Module module = new Module("Linear");
    private final Tensor weight;
    private int batches;

    Linear(long inputs, int classes) {
      weight = torch.zeros(classes, inputs).set_requires_grad(true);
      module.register_parameter("weight", weight, true);
    }

    @Override
    public Module module() {
      return module;
    }

    @Override
    public Tensor forward(Tensor input) {
      if (batches++ == GOOD_STEPS) {
        torch.empty(TOO_MANY / Float.BYTES);
      }
      return torch.linear(input.flatten(1, -1), weight, new TensorOptional());
    }
  }
}
