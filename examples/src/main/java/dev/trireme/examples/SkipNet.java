package dev.trireme.examples;

import dev.trireme.api.tensor.Shape;
import dev.trireme.engine.ModelFactory;
import dev.trireme.engine.TorchModel;
import org.bytedeco.pytorch.LinearImpl;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * A model written directly on libtorch: two hidden layers, the second of which also sees the input
 * of the first. The layer list of a job spec cannot say that.
 */
public final class SkipNet implements ModelFactory {
  private static final int HIDDEN = 128;

  @Override
  public TorchModel build(long seed, Shape itemShape, int classes) {
    return new Network(itemShape.elements(), classes);
  }

  private static final class Network implements TorchModel {
    private final long inputs;
    private final Module module = new Module("SkipNet");
    private final LinearImpl first;
    private final LinearImpl skip;
    private final LinearImpl last;

    Network(long inputs, int classes) {
      this.inputs = inputs;
      first = module.register_module("first", new LinearImpl(inputs, HIDDEN));
      skip = module.register_module("skip", new LinearImpl(inputs + HIDDEN, HIDDEN));
      last = module.register_module("last", new LinearImpl(HIDDEN, classes));
    }

    @Override
    public Module module() {
      return module;
    }

    @Override
    public Tensor forward(Tensor input) {
      Tensor flat = input.reshape(-1, inputs);
      Tensor hidden = torch.relu(first.forward(flat));
      Tensor both = torch.cat(new org.bytedeco.pytorch.TensorVector(flat, hidden), 1);
      return last.forward(torch.relu(skip.forward(both)));
    }
  }
}
