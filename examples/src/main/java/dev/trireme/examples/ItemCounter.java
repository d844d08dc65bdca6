package dev.trireme.examples;

import dev.trireme.api.tensor.Shape;
import dev.trireme.engine.ModelFactory;
import dev.trireme.engine.TorchModel;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * A model whose weights count how often each item was trained on, so that nobody need believe a
 * record of it. For data whose items are single bytes 0..255, each item's byte its own number and
 * its label that byte's parity; with loss {@code bce-with-logits}, plain SGD and a learning rate
 * equal to the batch size, each training of item <em>i</em> adds exactly 1 to every element of row
 * <em>i</em> where <em>i</em> is odd, and takes exactly 1 off where it is even. A row has 64 equal
 * elements, so that the model is large enough to be cut into several parts.
 *
 * <p>The output is the sum of the item's row, 16384 away from zero on the side that its label calls
 * wrong: there the loss is linear in the row, with a slope that is 1 to the last bit, for as long
 * as each element stays within about 250.
 */
public final class ItemCounter implements ModelFactory {
  private static final int ROWS = 256;
  private static final int WIDTH = 64;
  private static final int FAR = 1 << 14;

  @Override
  public TorchModel build(long seed, Shape itemShape, int classes) {
    return new Rows();
  }

  private static final class Rows implements TorchModel {
    private final Module module = new Module("ItemCounter");
    private final Tensor rows;

    Rows() {
      rows = torch.zeros(ROWS, WIDTH).set_requires_grad(true);
      module.register_parameter("rows", rows, true);
    }

    @Override
    public Module module() {
      return module;
    }

    @Override
    public Tensor forward(Tensor input) {
      // Bytes come as 0..1.
      Tensor item =
          input.reshape(-1).mul(new Scalar(255f)).add(new Scalar(0.5f)).to(ScalarType.Long);
      Tensor parity = item.remainder(new Scalar(2)).to(ScalarType.Float).reshape(-1, 1);
      Tensor offset = parity.mul(new Scalar(-2f * FAR)).add(new Scalar((float) FAR));
      Tensor ones = torch.ones(WIDTH, 1);
      return torch.embedding(rows, item).matmul(ones).add(offset);
    }
  }
}
