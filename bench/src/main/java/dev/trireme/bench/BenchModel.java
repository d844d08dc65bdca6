package dev.trireme.bench;

import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.pytorch.Conv2dImpl;
import org.bytedeco.pytorch.Conv2dOptions;
import org.bytedeco.pytorch.LinearImpl;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** The two models of {@code configs/bench}, on items of 1 x 28 x 28. */
abstract class BenchModel extends Module {
  static BenchModel named(String name) {
    return switch (name) {
      case "mlp" -> new Mlp();
      case "cnn" -> new Cnn();
      default -> throw new IllegalArgumentException("expected mlp or cnn, found " + name);
    };
  }

  abstract Tensor forward(Tensor images);

  private static final class Mlp extends BenchModel {
    private final LinearImpl first = register_module("0", new LinearImpl(784, 512));
    private final LinearImpl second = register_module("1", new LinearImpl(512, 256));
    private final LinearImpl third = register_module("2", new LinearImpl(256, 10));

    @Override
    Tensor forward(Tensor images) {
      Tensor x = torch.relu(first.forward(images.flatten(1, -1)));
      return third.forward(torch.relu(second.forward(x)));
    }
  }

  private static final class Cnn extends BenchModel {
    private final Conv2dImpl first = register_module("0", convolution(1, 32));
    private final Conv2dImpl second = register_module("1", convolution(32, 64));
    private final LinearImpl third = register_module("2", new LinearImpl(9216, 128));
    private final LinearImpl fourth = register_module("3", new LinearImpl(128, 10));

    private static Conv2dImpl convolution(long in, long out) {
      return new Conv2dImpl(new Conv2dOptions(in, out, new LongPointer(3, 3)));
    }

    @Override
    Tensor forward(Tensor images) {
      Tensor x = torch.relu(second.forward(torch.relu(first.forward(images))));
      x = torch.max_pool2d(x, 2, 2).flatten(1, -1);
      return fourth.forward(torch.relu(third.forward(x)));
    }
  }
}
