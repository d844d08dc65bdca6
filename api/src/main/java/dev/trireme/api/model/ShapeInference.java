package dev.trireme.api.model;

import dev.trireme.api.job.LayerSpec;
import dev.trireme.api.tensor.Shape;
import java.util.ArrayList;
import java.util.List;

/**
 * Walks an item's shape through a list of layers. Shapes are those of one item: the batch dimension
 * is left out.
 */
public final class ShapeInference {
  /** The most values an item may have between two layers: 8 GiB as float32. */
  public static final long MOST_VALUES = Integer.MAX_VALUE;

  private ShapeInference() {}

  /**
   * A layer with the shapes before and after it.
   *
   * @param path of the layer, as {@code layers[3]} or {@code layers[3].layers[0]}
   * @param layer itself
   * @param input shape of an item before it
   * @param output shape of an item after it
   */
  public record Shaped(String path, LayerSpec layer, Shape input, Shape output) {}

  /**
   * A layer that cannot take the shape it is given. The message names the layer and both shapes.
   */
  public static final class ShapeException extends RuntimeException {
    private static final long serialVersionUID = 1L;
    private final String path;

    ShapeException(String path, String message) {
      super(message);
      this.path = path;
    }

    /** The layer's path, as {@code layers[3]}. */
    public String path() {
      return path;
    }
  }

  /**
   * The layers with their shapes, one for each layer of the list (those inside a residual block are
   * walked too but not listed).
   *
   * @param input the shape of one item of the data
   * @throws ShapeException when a layer cannot take its input
   */
  public static List<Shaped> infer(List<LayerSpec> layers, Shape input) {
    return walk(layers, input, "layers");
  }

  /** The same for the layers inside a block, whose path is {@code prefix}. */
  private static List<Shaped> walk(List<LayerSpec> layers, Shape input, String prefix) {
    List<Shaped> shaped = new ArrayList<>();
    Shape shape = input;
    for (int i = 0; i < layers.size(); i++) {
      String path = prefix + "[" + i + "]";
      Shape after = after(layers.get(i), shape, path);
      requireSize(layers.get(i), shape, after, path);
      shaped.add(new Shaped(path, layers.get(i), shape, after));
      shape = after;
    }
    return List.copyOf(shaped);
  }

  private static Shape after(LayerSpec layer, Shape in, String path) {
    if (layer instanceof LayerSpec.Linear l) {
      need(in.rank() >= 1, layer, in, "an item with at least one dimension", path);
      return withLast(in, l.out());
    }
    if (layer instanceof LayerSpec.Conv2d c) {
      image(layer, in, path);
      return window(layer, in, c.out(), c.kernel(), c.stride(), c.padding(), path);
    }
    if (layer instanceof LayerSpec.MaxPool2d p) {
      image(layer, in, path);
      return window(layer, in, in.dim(0), p.kernel(), p.stride().orElse(p.kernel()), 0, path);
    }
    if (layer instanceof LayerSpec.AvgPool2d p) {
      image(layer, in, path);
      return window(layer, in, in.dim(0), p.kernel(), p.stride().orElse(p.kernel()), 0, path);
    }
    if (layer instanceof LayerSpec.BatchNorm) {
      need(
          in.rank() == 1 || in.rank() == 3,
          layer,
          in,
          "a vector, or channels x height x width",
          path);
      return in;
    }
    if (layer instanceof LayerSpec.LayerNorm || layer instanceof LayerSpec.Softmax) {
      need(in.rank() >= 1, layer, in, "an item with at least one dimension", path);
      return in;
    }
    if (layer instanceof LayerSpec.Embedding e) {
      return new Shape(append(in.dims(), e.dim()));
    }
    if (layer instanceof LayerSpec.Factorization) {
      need(in.rank() == 1, layer, in, "an item that is a list of indices", path);
      return Shape.of(1);
    }
    if (layer instanceof LayerSpec.Flatten) {
      return Shape.of(in.elements());
    }
    if (layer instanceof LayerSpec.Reshape r) {
      return reshape(r, in, path);
    }
    if (layer instanceof LayerSpec.Residual r) {
      List<Shaped> inner = walk(r.layers(), in, path + ".layers");
      Shape out = inner.get(inner.size() - 1).output();
      if (!out.equals(in)) {
        throw new ShapeException(
            path,
            "residual at "
                + path
                + ": its layers turn "
                + in
                + " into "
                + out
                + ", but both must have one shape to be added; change the last layer's size");
      }
      return in;
    }
    return in;
  }

  private static void requireSize(LayerSpec layer, Shape in, Shape out, String path) {
    long values = 1;
    for (long dim : out.dims()) {
      values = dim == 0 || values <= MOST_VALUES / dim ? values * dim : Long.MAX_VALUE;
      if (values > MOST_VALUES) {
        throw new ShapeException(
            path,
            layer.kind()
                + " at "
                + path
                + ": it would turn "
                + in
                + " into "
                + out
                + ", more than the "
                + MOST_VALUES
                + " values that an item may have; make its output smaller");
      }
    }
  }

  private static void image(LayerSpec layer, Shape in, String path) {
    need(in.rank() == 3, layer, in, "an item of channels x height x width", path);
  }

  private static Shape window(
      LayerSpec layer, Shape in, long channels, int kernel, int stride, int padding, String path) {
    long height = in.dim(1) + 2L * padding;
    long width = in.dim(2) + 2L * padding;
    if (kernel > height || kernel > width) {
      throw new ShapeException(
          path,
          layer.kind()
              + " at "
              + path
              + ": a window of "
              + kernel
              + "x"
              + kernel
              + " does not fit into its input "
              + in
              + (padding > 0 ? " with padding " + padding : "")
              + "; use a smaller kernel or fewer layers that shrink the image before it");
    }
    return Shape.of(channels, (height - kernel) / stride + 1, (width - kernel) / stride + 1);
  }

  private static Shape reshape(LayerSpec.Reshape layer, Shape in, String path) {
    // More than fill any item are as wrong as a few too many, and must not overflow.
    long known = 1;
    for (long d : layer.shape()) {
      known = d < 0 ? known : known <= MOST_VALUES / d ? known * d : MOST_VALUES + 1;
    }
    boolean open = layer.shape().contains(-1L);
    if (open ? in.elements() % known != 0 : in.elements() != known) {
      throw new ShapeException(
          path,
          "reshape at "
              + path
              + ": its input "
              + in
              + " has "
              + in.elements()
              + " values, which do not fill "
              + layer.shape()
              + "; the sizes must multiply to that, one of them may be -1");
    }
    long rest = in.elements() / known;
    return new Shape(layer.shape().stream().map(d -> d == -1 ? rest : d).toList());
  }

  private static void need(boolean fits, LayerSpec layer, Shape in, String expected, String path) {
    if (!fits) {
      throw new ShapeException(
          path,
          layer.kind()
              + " at "
              + path
              + ": expected "
              + expected
              + ", found shape "
              + in
              + " ("
              + in.rank()
              + " dimensions)");
    }
  }

  private static Shape withLast(Shape in, long last) {
    List<Long> dims = new ArrayList<>(in.dims());
    dims.set(dims.size() - 1, last);
    return new Shape(dims);
  }

  private static List<Long> append(List<Long> dims, long last) {
    List<Long> longer = new ArrayList<>(dims);
    longer.add(last);
    return longer;
  }
}
