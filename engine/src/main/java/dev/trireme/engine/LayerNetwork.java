package dev.trireme.engine;

import dev.trireme.api.engine.EngineException;
import dev.trireme.api.job.LayerSpec;
import dev.trireme.api.model.ShapeInference;
import dev.trireme.api.model.ShapeInference.ShapeException;
import dev.trireme.api.tensor.Shape;
import java.util.List;
import java.util.Set;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** The model of a list of layers. Tensors are named as in PyTorch's {@code nn.Sequential}. */
final class LayerNetwork implements Network {
  private final List<Placed> layers;
  private final StateDict state;
  private final boolean drawsAtRandom;
  private final boolean takesIndices;
  private final Set<String> tables;

  /** A layer and what to call it in messages. */
  private record Placed(String path, Layer layer) {}

  private LayerNetwork(
      List<Placed> layers,
      StateDict state,
      boolean drawsAtRandom,
      boolean takesIndices,
      Set<String> tables) {
    this.layers = layers;
    this.state = state;
    this.drawsAtRandom = drawsAtRandom;
    this.takesIndices = takesIndices;
    this.tables = tables;
  }

  /**
   * Builds the layers in order, each drawing its weights from libtorch's generator.
   *
   * @param item the shape of one item of the data
   * @throws EngineException when a layer cannot take its input; the message names it
   */
  @SuppressWarnings("try") // a scope does its work by being open
  static LayerNetwork build(List<LayerSpec> specs, Shape item) {
    List<ShapeInference.Shaped> shaped = infer(specs, item);
    StateDict state = new StateDict();
    try (PointerScope scope = new PointerScope()) {
      LayerFactory factory = new LayerFactory(state);
      List<Placed> layers =
          factory.sequence(shaped, "").stream()
              .map(built -> new Placed(built.path() + " (" + built.kind() + ")", built.layer()))
              .toList();
      return new LayerNetwork(
          layers, state, drawsAtRandom(specs), takesIndices(specs), tables(specs));
    } catch (RuntimeException e) {
      state.close();
      throw Failures.at("the model cannot be built", e);
    }
  }

  private static List<ShapeInference.Shaped> infer(List<LayerSpec> specs, Shape item) {
    try {
      return ShapeInference.infer(specs, item);
    } catch (ShapeException e) {
      throw new EngineException(e.getMessage(), e);
    }
  }

  @Override
  public StateDict state() {
    return state;
  }

  @Override
  public Tensor forward(Tensor input, boolean training) {
    Tensor values =
        takesIndices || Tensors.type(input) == ScalarType.Float
            ? input
            : input.to(ScalarType.Float);
    for (Placed placed : layers) {
      try {
        values = placed.layer().forward(values, training);
      } catch (RuntimeException e) {
        throw Failures.at(placed.path(), e);
      }
    }
    return values;
  }

  @Override
  public boolean drawsAtRandom() {
    return drawsAtRandom;
  }

  @Override
  public Set<String> tables() {
    return tables;
  }

  @Override
  public void close() {
    state.close();
  }

  private static boolean drawsAtRandom(List<LayerSpec> specs) {
    return specs.stream()
        .anyMatch(
            spec ->
                spec instanceof LayerSpec.Dropout
                    || (spec instanceof LayerSpec.Residual block && drawsAtRandom(block.layers())));
  }

  /** Whether the first layer that looks at values looks them up in a table. */
  private static boolean takesIndices(List<LayerSpec> specs) {
    return !tables(specs).isEmpty();
  }

  /** What the first layer that looks at values looks them up in. */
  private static Set<String> tables(List<LayerSpec> specs) {
    for (int i = 0; i < specs.size(); i++) {
      LayerSpec spec = specs.get(i);
      if (spec instanceof LayerSpec.Embedding) {
        return Set.of(i + ".weight");
      }
      if (spec instanceof LayerSpec.Factorization) {
        return Set.of(i + ".weight", i + ".factors");
      }
      if (!(spec instanceof LayerSpec.Flatten || spec instanceof LayerSpec.Reshape)) {
        return Set.of();
      }
    }
    return Set.of();
  }
}
