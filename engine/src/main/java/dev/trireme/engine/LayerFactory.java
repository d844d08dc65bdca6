package dev.trireme.engine;

import dev.trireme.api.job.LayerSpec;
import dev.trireme.api.model.ShapeInference;
import dev.trireme.api.model.ShapeInference.Shaped;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Shape;
import dev.trireme.engine.StateDict.Role;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Turns layer specs into layers, and their tensors into entries of a state dict.
 *
 * <p>Weights are drawn as PyTorch draws them by default: uniform within {@code 1/sqrt(fanIn)} for
 * linear and convolution, weight before bias (He et al. 2015 with a = sqrt(5)); standard normal for
 * embeddings, a tenth of that for factorization machines; ones and zeros for normalisations.
 */
final class LayerFactory {
  private static final long[] ONE = {1, 1};
  private static final long[] ZERO = {0, 0};

  private final StateDict state;

  LayerFactory(StateDict state) {
    this.state = state;
  }

  /** A layer with the place and kind it was given in the spec. */
  record Built(String path, String kind, Layer layer) {}

  /**
   * The layers of one list.
   *
   * @param prefix of the names of their tensors, as {@code 5.}; empty at the top
   */
  List<Built> sequence(List<Shaped> shaped, String prefix) {
    List<Built> built = new ArrayList<>();
    boolean overwritable = false;
    for (int i : order(shaped)) {
      Shaped place = shaped.get(i);
      Layer layer = layer(place, prefix + i + ".", overwritable);
      built.add(new Built(place.path(), place.layer().kind(), layer));
      overwritable = leavesFreshOutput(place.layer());
    }
    return List.copyOf(built);
  }

  /**
   * The order in which the layers run: as written, but a relu before a max pooling runs after it,
   * on a fraction of the elements. The largest of a window stays the largest when what is below
   * zero becomes zero, so values and gradients are the same bits either way.
   */
  private static int[] order(List<Shaped> shaped) {
    int[] order = IntStream.range(0, shaped.size()).toArray();
    for (int i = 0; i + 1 < order.length; i++) {
      if (shaped.get(i).layer() instanceof LayerSpec.Relu
          && shaped.get(i + 1).layer() instanceof LayerSpec.MaxPool2d) {
        order[i]++;
        order[++i]--;
      }
    }
    return order;
  }

  /**
   * Whether nobody else reads what this layer puts out, not even its own backward, so that an
   * activation after it may overwrite it: that saves a pass over memory and, for images, the half
   * of it.
   */
  private static boolean leavesFreshOutput(LayerSpec spec) {
    return spec instanceof LayerSpec.Linear
        || spec instanceof LayerSpec.Conv2d
        || spec instanceof LayerSpec.BatchNorm
        || spec instanceof LayerSpec.LayerNorm
        || spec instanceof LayerSpec.Residual;
  }

  private Layer layer(Shaped place, String prefix, boolean overwritable) {
    LayerSpec spec = place.layer();
    if (spec instanceof LayerSpec.Linear s) {
      return linear(s, place.input(), prefix);
    }
    if (spec instanceof LayerSpec.Conv2d s) {
      return conv2d(s, place.input(), prefix);
    }
    if (spec instanceof LayerSpec.MaxPool2d s) {
      return new MaxPoolLayer(s.kernel(), s.stride().orElse(s.kernel()));
    }
    if (spec instanceof LayerSpec.AvgPool2d s) {
      long[] kernel = square(s.kernel());
      long[] stride = square(s.stride().orElse(s.kernel()));
      return (x, training) ->
          torch.avg_pool2d(x, kernel, stride, ZERO, false, true, new LongOptional());
    }
    if (spec instanceof LayerSpec.BatchNorm s) {
      return batchNorm(s, place.input(), prefix);
    }
    if (spec instanceof LayerSpec.LayerNorm s) {
      return layerNorm(s, place.input(), prefix);
    }
    if (spec instanceof LayerSpec.Embedding s) {
      return embedding(s, prefix);
    }
    if (spec instanceof LayerSpec.Factorization s) {
      return factorization(s, prefix);
    }
    if (spec instanceof LayerSpec.Residual s) {
      return residual(s, place, prefix);
    }
    return withoutWeights(place, overwritable);
  }

  private static Layer withoutWeights(Shaped place, boolean overwritable) {
    LayerSpec spec = place.layer();
    if (spec instanceof LayerSpec.Dropout s) {
      return (x, training) -> training ? torch.dropout(x, s.p(), true) : x;
    }
    if (spec instanceof LayerSpec.Relu) {
      return overwritable ? (x, training) -> torch.relu_(x) : (x, training) -> torch.relu(x);
    }
    if (spec instanceof LayerSpec.Gelu) {
      return (x, training) -> torch.gelu(x);
    }
    if (spec instanceof LayerSpec.Tanh) {
      return overwritable ? (x, training) -> torch.tanh_(x) : (x, training) -> torch.tanh(x);
    }
    if (spec instanceof LayerSpec.Sigmoid) {
      return overwritable ? (x, training) -> torch.sigmoid_(x) : (x, training) -> torch.sigmoid(x);
    }
    if (spec instanceof LayerSpec.Softmax) {
      return (x, training) -> torch.softmax(x, -1);
    }
    if (spec instanceof LayerSpec.Flatten || spec instanceof LayerSpec.Reshape) {
      long[] sizes = place.output().prepend(0).toArray();
      return (x, training) -> {
        long[] batched = sizes.clone();
        batched[0] = x.size(0);
        return x.reshape(batched);
      };
    }
    throw new IllegalStateException("no layer for " + spec.kind());
  }

  private Layer linear(LayerSpec.Linear spec, Shape input, String prefix) {
    long in = input.dim(input.rank() - 1);
    Tensor weight = uniform(prefix + "weight", Shape.of(spec.out(), in), in);
    TensorOptional bias = bias(spec.bias(), prefix, spec.out(), in);
    return (x, training) -> torch.linear(x, weight, bias);
  }

  private Layer conv2d(LayerSpec.Conv2d spec, Shape input, String prefix) {
    long channels = input.dim(0);
    long fanIn = channels * spec.kernel() * spec.kernel();
    Shape shape = Shape.of(spec.out(), channels, spec.kernel(), spec.kernel());
    Tensor weight = uniform(prefix + "weight", shape, fanIn);
    TensorOptional bias = bias(spec.bias(), prefix, spec.out(), fanIn);
    long[] stride = square(spec.stride());
    long[] padding = square(spec.padding());
    return (x, training) -> torch.conv2d(x, weight, bias, stride, padding, ONE, 1);
  }

  /**
   * With a single value a channel there is no variance to learn from: that happens to a rank whose
   * part of a short last batch is one item. The layer then normalises with the batch, as always in
   * training, and leaves the running statistics alone, which would become NaN.
   */
  private Layer batchNorm(LayerSpec.BatchNorm spec, Shape input, String prefix) {
    Shape channels = Shape.of(input.dim(0));
    TensorOptional weight = ones(prefix + "weight", channels, Role.PARAMETER);
    TensorOptional bias = zeros(prefix + "bias", channels, Role.PARAMETER);
    TensorOptional mean = zeros(prefix + "running_mean", channels, Role.STATISTIC);
    TensorOptional variance = ones(prefix + "running_var", channels, Role.STATISTIC);
    state.add(
        prefix + "num_batches_tracked", Tensors.zeros(Shape.of(), DType.INT64), Role.UPDATE_COUNT);
    TensorOptional none = state.own(new TensorOptional());
    long perItem = input.elements() / input.dim(0);
    return (x, training) -> {
      boolean track = !training || x.size(0) * perItem > 1;
      return torch.batch_norm(
          x,
          weight,
          bias,
          track ? mean : none,
          track ? variance : none,
          training,
          spec.momentum(),
          spec.eps(),
          false);
    };
  }

  private Layer layerNorm(LayerSpec.LayerNorm spec, Shape input, String prefix) {
    Shape last = Shape.of(input.dim(input.rank() - 1));
    TensorOptional weight = ones(prefix + "weight", last, Role.PARAMETER);
    TensorOptional bias = zeros(prefix + "bias", last, Role.PARAMETER);
    long[] normalized = last.toArray();
    return (x, training) -> torch.layer_norm(x, normalized, weight, bias, spec.eps(), false);
  }

  private Layer embedding(LayerSpec.Embedding spec, String prefix) {
    Tensor drawn = Tensors.zeros(Shape.of(spec.rows(), spec.dim()), DType.FLOAT32).normal_();
    Tensor weight = state.add(prefix + "weight", drawn, Role.PARAMETER);
    return (x, training) -> torch.embedding(weight, indices(x));
  }

  private static Tensor indices(Tensor x) {
    ScalarType type = Tensors.type(x);
    return type == ScalarType.Long || type == ScalarType.Int ? x : x.to(ScalarType.Long);
  }

  /**
   * The pairs' products cost as much as the vectors have elements: {@code sum over pairs <v_i, v_j>
   * = (|sum v_i|^2 - sum |v_i|^2) / 2} (Rendle 2010, lemma 3.1).
   */
  private Layer factorization(LayerSpec.Factorization spec, String prefix) {
    Tensor start = Tensors.zeros(Shape.of(1), DType.FLOAT32).fill_(new Scalar(spec.mean()));
    Tensor bias = state.add(prefix + "bias", start, Role.PARAMETER);
    Tensor weight =
        state.add(
            prefix + "weight",
            Tensors.zeros(Shape.of(spec.rows(), 1), DType.FLOAT32),
            Role.PARAMETER);
    Tensor drawn = Tensors.zeros(Shape.of(spec.rows(), spec.dim()), DType.FLOAT32).normal_();
    Tensor factors = state.add(prefix + "factors", drawn.mul_(new Scalar(0.1)), Role.PARAMETER);
    return (x, training) -> {
      Tensor rows = indices(x);
      Tensor linear = torch.embedding(weight, rows).sum(1L);
      Tensor vectors = torch.embedding(factors, rows);
      Tensor pairs = vectors.sum(1L).square().sub(vectors.square().sum(1L)).sum(1L);
      return linear.add(bias).add(pairs.reshape(-1, 1), new Scalar(0.5));
    };
  }

  private Layer residual(LayerSpec.Residual spec, Shaped place, String prefix) {
    List<Shaped> shaped = ShapeInference.infer(spec.layers(), place.input());
    List<Layer> inner = sequence(shaped, prefix).stream().map(Built::layer).toList();
    return (x, training) -> {
      Tensor values = x;
      for (Layer layer : inner) {
        values = layer.forward(values, training);
      }
      return values.add(x);
    };
  }

  private TensorOptional bias(boolean wanted, String prefix, long out, long fanIn) {
    return wanted
        ? optional(uniform(prefix + "bias", Shape.of(out), fanIn))
        : state.own(new TensorOptional());
  }

  private Tensor uniform(String name, Shape shape, long fanIn) {
    double bound = 1 / Math.sqrt(fanIn);
    Tensor drawn = Tensors.zeros(shape, DType.FLOAT32);
    torch.uniform_(drawn, -bound, bound);
    return state.add(name, drawn, Role.PARAMETER);
  }

  private TensorOptional ones(String name, Shape shape, Role role) {
    Tensor tensor = Tensors.zeros(shape, DType.FLOAT32).fill_(new Scalar(1f));
    return optional(state.add(name, tensor, role));
  }

  private TensorOptional zeros(String name, Shape shape, Role role) {
    return optional(state.add(name, Tensors.zeros(shape, DType.FLOAT32), role));
  }

  private TensorOptional optional(Tensor tensor) {
    return state.own(new TensorOptional(tensor));
  }

  private static long[] square(long side) {
    return new long[] {side, side};
  }
}
