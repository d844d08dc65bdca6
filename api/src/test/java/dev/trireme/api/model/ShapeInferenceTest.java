package dev.trireme.api.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.api.job.LayerSpec;
import dev.trireme.api.tensor.Shape;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class ShapeInferenceTest {
  private static final int HUGE = Integer.MAX_VALUE;

  static Stream<Arguments> layers() {
    return Stream.of(
        fits(linear(10), "784", "10"),
        fits(linear(10), "3x784", "3x10"),
        fits(conv(32, 3, 1, 0), "1x28x28", "32x26x26"),
        fits(conv(8, 3, 1, 1), "3x32x20", "8x32x20"),
        fits(conv(8, 3, 2, 1), "3x32x31", "8x16x16"),
        fits(conv(8, 2, 3, 0), "1x7x8", "8x2x3"),
        fits(conv(8, 5, 1, 0), "1x5x5", "8x1x1"),
        fits(conv(8, 5, 1, 1), "1x3x4", "8x1x2"),
        fits(maxPool(2), "64x24x24", "64x12x12"),
        fits(maxPool(2), "64x25x25", "64x12x12"),
        fits(new LayerSpec.MaxPool2d(3, Optional.of(1)), "4x9x8", "4x7x6"),
        fits(new LayerSpec.AvgPool2d(3, Optional.of(2)), "4x9x8", "4x4x3"),
        fits(avgPool(7), "16x7x7", "16x1x1"),
        fits(new LayerSpec.BatchNorm(1e-5, 0.1), "16", "16"),
        fits(new LayerSpec.BatchNorm(1e-5, 0.1), "16x4x3", "16x4x3"),
        fits(new LayerSpec.LayerNorm(1e-5), "5x6", "5x6"),
        fits(new LayerSpec.Softmax(), "10", "10"),
        fits(new LayerSpec.Dropout(0.5), "2x3x4x5", "2x3x4x5"),
        fits(new LayerSpec.Embedding(100, 16), "12", "12x16"),
        fits(new LayerSpec.Embedding(100, 16), "", "16"),
        fits(new LayerSpec.Relu(), "1x2x3", "1x2x3"),
        fits(new LayerSpec.Gelu(), "7", "7"),
        fits(new LayerSpec.Tanh(), "7", "7"),
        fits(new LayerSpec.Sigmoid(), "7", "7"),
        fits(new LayerSpec.Flatten(), "64x12x12", "9216"),
        fits(new LayerSpec.Flatten(), "", "1"),
        fits(reshape(1, 28, 28), "784", "1x28x28"),
        fits(reshape(4, -1), "8x6", "4x12"),
        fits(reshape(-1), "8x6", "48"),
        fits(reshape(-1, 48), "8x6", "1x48"),
        fits(residual(linear(5), new LayerSpec.Relu(), linear(9)), "9", "9"),
        fits(residual(conv(3, 3, 1, 1)), "3x8x8", "3x8x8"),
        fits(residual(residual(new LayerSpec.Relu())), "3", "3"));
  }

  @ParameterizedTest
  @MethodSource("layers")
  void shouldInferShapeBehindLayer(LayerSpec layer, String input, String output) {
    List<ShapeInference.Shaped> shaped = ShapeInference.infer(List.of(layer), shape(input));

    assertThat(shaped)
        .containsExactly(
            new ShapeInference.Shaped("layers[0]", layer, shape(input), shape(output)));
  }

  /** A layer, its input, and what the refusal must say besides the layer's name and path. */
  static Stream<Arguments> refusals() {
    return Stream.of(
        refuses(linear(10), "", "linear", "at least one dimension", "scalar"),
        refuses(conv(32, 3, 1, 0), "784", "conv2d", "channels x height x width", "784", "1 dim"),
        refuses(
            conv(32, 3, 1, 0), "28x28", "conv2d", "channels x height x width", "28x28", "2 dim"),
        refuses(conv(32, 3, 1, 0), "1x2x28", "conv2d", "3x3", "1x2x28", "smaller kernel"),
        refuses(conv(32, 6, 1, 1), "1x28x3", "conv2d", "6x6", "1x28x3", "with padding 1"),
        refuses(conv(HUGE, 1, 1, 0), "1x28x28", "conv2d", "1x28x28", HUGE + "x28x28", "smaller"),
        refuses(conv(1, 1, 1, HUGE), "1x2x2", "conv2d", "1x4294967296x4294967296", "smaller"),
        refuses(maxPool(2), "9216", "maxpool2d", "channels x height x width", "9216"),
        refuses(maxPool(2), "64x1x9", "maxpool2d", "2x2", "64x1x9"),
        refuses(avgPool(8), "64x7x9", "avgpool2d", "8x8", "64x7x9"),
        refuses(avgPool(8), "7x9", "avgpool2d", "channels x height x width", "7x9"),
        refuses(new LayerSpec.BatchNorm(1e-5, 0.1), "7x9", "batchnorm", "a vector", "7x9"),
        refuses(new LayerSpec.BatchNorm(1e-5, 0.1), "", "batchnorm", "a vector", "scalar"),
        refuses(new LayerSpec.LayerNorm(1e-5), "", "layernorm", "at least one", "scalar"),
        refuses(new LayerSpec.Softmax(), "", "softmax", "at least one", "scalar"),
        refuses(linear(HUGE), "2x784", "linear", "2x784", "2x" + HUGE, "smaller"),
        refuses(new LayerSpec.Embedding(3, HUGE), "2", "embedding", "2x" + HUGE, "smaller"),
        refuses(reshape(5, 5), "24", "reshape", "24 values", "[5, 5]"),
        refuses(reshape(5, -1), "24", "reshape", "24 values", "[5, -1]"),
        refuses(reshape(25, -1), "24", "reshape", "24 values", "[25, -1]"),
        refuses(reshape(Long.MAX_VALUE, 2, 2), "24", "reshape", "24 values"),
        refuses(reshape(1L << 32, 1L << 32, -1), "24", "reshape", "24 values"),
        refuses(residual(linear(5)), "9", "residual", "turn 9 into 5", "one shape"),
        refuses(residual(conv(3, 3, 1, 0)), "3x8x8", "residual", "3x8x8", "3x6x6"));
  }

  @ParameterizedTest
  @MethodSource("refusals")
  void shouldRefuseShapeThatCannotWork(LayerSpec layer, String input, String[] parts) {
    assertThatThrownBy(() -> ShapeInference.infer(List.of(layer), shape(input)))
        .isInstanceOf(ShapeInference.ShapeException.class)
        .hasMessageContaining("layers[0]")
        .hasMessageContainingAll(parts)
        .satisfies(
            e -> assertThat(((ShapeInference.ShapeException) e).path()).isEqualTo("layers[0]"));
  }

  @Test
  void shouldWalkThroughAWholeModel() {
    List<LayerSpec> model =
        List.of(
            conv(32, 3, 1, 0),
            new LayerSpec.Relu(),
            conv(64, 3, 1, 0),
            new LayerSpec.Relu(),
            maxPool(2),
            new LayerSpec.Flatten(),
            linear(128),
            new LayerSpec.Relu(),
            linear(10));

    List<ShapeInference.Shaped> shaped = ShapeInference.infer(model, Shape.of(1, 28, 28));

    assertThat(shaped)
        .extracting(s -> s.output().toString())
        .containsExactly(
            "32x26x26", "32x26x26", "64x24x24", "64x24x24", "64x12x12", "9216", "128", "128", "10");
    assertThat(shaped).extracting(ShapeInference.Shaped::path).startsWith("layers[0]", "layers[1]");
    for (int i = 1; i < shaped.size(); i++) {
      assertThat(shaped.get(i).input()).isEqualTo(shaped.get(i - 1).output());
    }
  }

  @Test
  void shouldNameTheLayerInsideABlock() {
    List<LayerSpec> model = List.of(linear(8), residual(new LayerSpec.Relu(), maxPool(2)));

    assertThatThrownBy(() -> ShapeInference.infer(model, Shape.of(4)))
        .isInstanceOf(ShapeInference.ShapeException.class)
        .hasMessageContaining("maxpool2d at layers[1].layers[1]")
        .satisfies(
            e ->
                assertThat(((ShapeInference.ShapeException) e).path())
                    .isEqualTo("layers[1].layers[1]"));
  }

  @Test
  void shouldGiveNothingForNoLayers() {
    assertThat(ShapeInference.infer(List.of(), Shape.of(4))).isEmpty();
  }

  private static Arguments fits(LayerSpec layer, String input, String output) {
    return Arguments.of(layer, input, output);
  }

  private static Arguments refuses(LayerSpec layer, String input, String... parts) {
    return Arguments.of(layer, input, parts);
  }

  private static Shape shape(String text) {
    return text.isEmpty()
        ? Shape.of()
        : Shape.of(Arrays.stream(text.split("x")).mapToLong(Long::parseLong).toArray());
  }

  private static LayerSpec linear(int out) {
    return new LayerSpec.Linear(out, true);
  }

  private static LayerSpec conv(int out, int kernel, int stride, int padding) {
    return new LayerSpec.Conv2d(out, kernel, stride, padding, true);
  }

  private static LayerSpec maxPool(int kernel) {
    return new LayerSpec.MaxPool2d(kernel, Optional.empty());
  }

  private static LayerSpec avgPool(int kernel) {
    return new LayerSpec.AvgPool2d(kernel, Optional.empty());
  }

  private static LayerSpec reshape(long... sizes) {
    return new LayerSpec.Reshape(Arrays.stream(sizes).boxed().toList());
  }

  private static LayerSpec residual(LayerSpec... layers) {
    return new LayerSpec.Residual(List.of(layers));
  }
}
