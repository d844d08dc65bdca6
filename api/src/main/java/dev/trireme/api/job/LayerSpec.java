package dev.trireme.api.job;

import java.util.List;
import java.util.Optional;

/** One layer of a model. Input sizes are inferred from the data. */
public sealed interface LayerSpec {
  /** A fully connected layer over the last dimension. */
  @Variant(value = "linear", doc = "A fully connected layer.", shorthand = "out")
  record Linear(
      @Key(value = "Number of outputs.", min = 1) int out,
      @Key(value = "Whether it adds a bias.", defaultValue = "true") boolean bias)
      implements LayerSpec {}

  /** A 2-d convolution over items of shape channels x height x width. */
  @Variant(value = "conv2d", doc = "A 2-d convolution.")
  record Conv2d(
      @Key(value = "Number of output channels.", min = 1) int out,
      @Key(value = "Side of the square kernel.", min = 1) int kernel,
      @Key(value = "Step of the kernel.", defaultValue = "1", min = 1) int stride,
      @Key(value = "Zeros added at each side.", defaultValue = "0", min = 0) int padding,
      @Key(value = "Whether it adds a bias.", defaultValue = "true") boolean bias)
      implements LayerSpec {}

  /** The largest value of each window. */
  @Variant(value = "maxpool2d", doc = "The largest value of each window.", shorthand = "kernel")
  record MaxPool2d(
      @Key(value = "Side of the square window.", min = 1) int kernel,
      @Key(value = "Step of the window; its side when absent.", min = 1) Optional<Integer> stride)
      implements LayerSpec {}

  /** The mean of each window. */
  @Variant(value = "avgpool2d", doc = "The mean of each window.", shorthand = "kernel")
  record AvgPool2d(
      @Key(value = "Side of the square window.", min = 1) int kernel,
      @Key(value = "Step of the window; its side when absent.", min = 1) Optional<Integer> stride)
      implements LayerSpec {}

  /** Batch normalisation over channels (of images) or features (of vectors). */
  @Variant(value = "batchnorm", doc = "Batch normalisation over channels or features.")
  record BatchNorm(
      @Key(value = "Added to the variance.", defaultValue = "1e-5", min = 0, exclusiveMin = true)
          double eps,
      @Key(
              value = "Weight of the newest batch in the running statistics.",
              defaultValue = "0.1",
              min = 0,
              max = 1)
          double momentum)
      implements LayerSpec {}

  /** Layer normalisation over the last dimension. */
  @Variant(value = "layernorm", doc = "Layer normalisation over the last dimension.")
  record LayerNorm(
      @Key(value = "Added to the variance.", defaultValue = "1e-5", min = 0, exclusiveMin = true)
          double eps)
      implements LayerSpec {}

  /** Zeroes each value with a probability while training. */
  @Variant(value = "dropout", doc = "Zeroes values at random while training.", shorthand = "p")
  record Dropout(
      @Key(
              value = "The probability that a value is zeroed.",
              defaultValue = "0.5",
              min = 0,
              max = 1)
          double p)
      implements LayerSpec {}

  /** Looks each index up in a table of vectors. */
  @Variant(value = "embedding", doc = "Turns integer indices into vectors.")
  record Embedding(
      @Key(value = "Number of rows: indices are in 0..rows-1.", min = 1) int rows,
      @Key(value = "Length of each vector.", min = 1) int dim)
      implements LayerSpec {}

  /**
   * A factorization machine over indices: {@code bias + sum w[i] + sum over pairs <v[i], v[j]>} for
   * an item of indices i, j, ...; with the two indices (user, item) that is collaborative filtering
   * by matrix factorization with biases. Source: Rendle, "Factorization machines" (2010).
   *
   * @param rows indices are in {@code 0..rows-1}
   * @param dim length of each vector {@code v}
   * @param mean where the bias starts, as the mean of the labels
   */
  @Variant(
      value = "factorization",
      doc = "A factorization machine: one output from biases and vectors of the item's indices.")
  record Factorization(
      @Key(value = "Number of rows: indices are in 0..rows-1.", min = 1) int rows,
      @Key(value = "Length of each vector.", min = 1) int dim,
      @Key(value = "Where the bias starts, as the mean of the labels.", defaultValue = "0")
          double mean)
      implements LayerSpec {}

  @Variant(value = "relu", doc = "max(0, x).")
  record Relu() implements LayerSpec {}

  @Variant(value = "gelu", doc = "Gaussian error linear unit.")
  record Gelu() implements LayerSpec {}

  @Variant(value = "tanh", doc = "Hyperbolic tangent.")
  record Tanh() implements LayerSpec {}

  @Variant(value = "sigmoid", doc = "Logistic function.")
  record Sigmoid() implements LayerSpec {}

  @Variant(value = "softmax", doc = "Softmax over the last dimension.")
  record Softmax() implements LayerSpec {}

  /** All dimensions of an item into one. */
  @Variant(value = "flatten", doc = "All dimensions of an item into one.")
  record Flatten() implements LayerSpec {}

  /** Another shape for the same values of an item. */
  @Variant(value = "reshape", doc = "Gives an item another shape.", shorthand = "shape")
  record Reshape(@Key("The new sizes, without the batch; one of them may be -1.") List<Long> shape)
      implements LayerSpec {
    public Reshape {
      shape = List.copyOf(shape);
      if (shape.isEmpty()
          || shape.stream().anyMatch(d -> d == 0 || d < -1)
          || shape.stream().filter(d -> d == -1).count() > 1) {
        throw new SpecException(
            "shape", "expected sizes of 1 or more with at most one -1, found " + shape);
      }
    }
  }

  /** Adds its input to what its layers make of it; both must have one shape. */
  @Variant(
      value = "residual",
      doc = "Adds its input to the output of its layers.",
      shorthand = "layers")
  record Residual(@Key("The layers whose output is added to the input.") List<LayerSpec> layers)
      implements LayerSpec {
    public Residual {
      layers = List.copyOf(layers);
      if (layers.isEmpty()) {
        throw new SpecException("layers", "expected at least one layer");
      }
    }
  }

  /** The name of this layer in YAML. */
  default String kind() {
    return getClass().getAnnotation(Variant.class).value();
  }
}
