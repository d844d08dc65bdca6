package dev.trireme.launcher.config;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.api.job.LayerSpec;
import dev.trireme.api.tensor.Shape;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ModelOutlineTest {
  private static long parameters(Shape input, LayerSpec... layers) {
    return ModelOutline.of(List.of(layers), input).parameters();
  }

  @Test
  void shouldCountParametersAsPyTorchDoes() {
    Shape image = Shape.of(3, 8, 8);
    assertThat(parameters(Shape.of(5), new LayerSpec.Linear(7, true))).isEqualTo(42);
    assertThat(parameters(Shape.of(5), new LayerSpec.Linear(7, false))).isEqualTo(35);
    assertThat(parameters(image, new LayerSpec.Conv2d(4, 3, 1, 0, true))).isEqualTo(112);
    assertThat(parameters(image, new LayerSpec.BatchNorm(1e-5, 0.1))).isEqualTo(6);
    assertThat(parameters(image, new LayerSpec.LayerNorm(1e-5))).isEqualTo(16);
    assertThat(parameters(Shape.of(5), new LayerSpec.Embedding(100, 8))).isEqualTo(800);
    assertThat(parameters(image, new LayerSpec.MaxPool2d(2, Optional.empty()))).isZero();
    LayerSpec block =
        new LayerSpec.Residual(List.of(new LayerSpec.Linear(5, true), new LayerSpec.Relu()));
    assertThat(parameters(Shape.of(5), block, block)).isEqualTo(60);
  }

  @Test
  void shouldGiveTheShapeBehindEachLayer() {
    ModelOutline outline =
        ModelOutline.of(
            List.of(
                new LayerSpec.Conv2d(4, 3, 1, 0, true),
                new LayerSpec.MaxPool2d(2, Optional.empty()),
                new LayerSpec.Flatten()),
            Shape.of(1, 28, 28));
    assertThat(outline.layers())
        .extracting(row -> row.output().toString())
        .containsExactly("4x26x26", "4x13x13", "676");
    assertThat(outline.output()).isEqualTo(Shape.of(676));
  }
}
