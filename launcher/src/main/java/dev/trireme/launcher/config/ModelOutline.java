package dev.trireme.launcher.config;

import dev.trireme.api.job.LayerSpec;
import dev.trireme.api.model.ShapeInference;
import dev.trireme.api.tensor.Shape;
import java.util.List;

/**
 * What can be said of a list of layers before any of them is made.
 *
 * @param input shape of one item
 * @param layers in their order
 */
public record ModelOutline(Shape input, List<Row> layers) {
  public ModelOutline {
    layers = List.copyOf(layers);
  }

  /**
   * A layer.
   *
   * @param name as in the job spec
   * @param output shape of one item behind it
   * @param parameters trainable values in it
   */
  public record Row(String name, Shape output, long parameters) {}

  /** Trainable values in all; fits into 64 bits. */
  public long parameters() {
    return layers.stream().mapToLong(Row::parameters).reduce(0, Math::addExact);
  }

  /** Shape of one item behind the last layer. */
  public Shape output() {
    return layers.get(layers.size() - 1).output();
  }

  /**
   * The outline of these layers.
   *
   * @throws ShapeInference.ShapeException when a layer cannot take its input
   * @throws ArithmeticException when sizes do not fit into 64 bits
   */
  static ModelOutline of(List<LayerSpec> layers, Shape input) {
    List<Row> rows =
        ShapeInference.infer(layers, input).stream()
            .map(s -> new Row(s.layer().kind(), s.output(), parameters(s.layer(), s.input())))
            .toList();
    ModelOutline outline = new ModelOutline(input, rows);
    outline.parameters();
    return outline;
  }

  /** Trainable values of one layer, by PyTorch's definition of it. */
  private static long parameters(LayerSpec layer, Shape in) {
    if (layer instanceof LayerSpec.Linear l) {
      return weights(last(in), l.out(), l.bias());
    }
    if (layer instanceof LayerSpec.Conv2d c) {
      long window =
          Math.multiplyExact(in.dim(0), Math.multiplyExact((long) c.kernel(), c.kernel()));
      return weights(window, c.out(), c.bias());
    }
    if (layer instanceof LayerSpec.BatchNorm) {
      return 2 * in.dim(0);
    }
    if (layer instanceof LayerSpec.LayerNorm) {
      return 2 * last(in);
    }
    if (layer instanceof LayerSpec.Embedding e) {
      return Math.multiplyExact((long) e.rows(), e.dim());
    }
    if (layer instanceof LayerSpec.Factorization f) {
      return Math.addExact(1, Math.multiplyExact((long) f.rows(), 1L + f.dim()));
    }
    return layer instanceof LayerSpec.Residual r ? of(r.layers(), in).parameters() : 0;
  }

  private static long weights(long inputs, int outputs, boolean bias) {
    return Math.addExact(Math.multiplyExact(inputs, outputs), bias ? outputs : 0);
  }

  private static long last(Shape shape) {
    return shape.dim(shape.rank() - 1);
  }
}
