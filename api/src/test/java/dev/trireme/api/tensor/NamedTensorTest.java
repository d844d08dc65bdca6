package dev.trireme.api.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class NamedTensorTest {
  private static final TensorBuffer SIX = TensorBuffer.cpu(64, DType.FLOAT64, 6);

  @Test
  void shouldTakeItsDtypeFromItsData() {
    assertThat(new NamedTensor("0.weight", Shape.of(2, 3), SIX).dtype()).isEqualTo(DType.FLOAT64);
  }

  @Test
  void shouldRefuseShapeOfAnotherSize() {
    assertThatThrownBy(() -> new NamedTensor("0.weight", Shape.of(2, 2), SIX))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContainingAll("0.weight", "2x2", "4", "6");
  }

  @Test
  void shouldRefuseToBeWithoutName() {
    assertThatThrownBy(() -> new NamedTensor("", Shape.of(6), SIX))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("needs a name");
    assertThatThrownBy(() -> new NamedTensor(null, Shape.of(6), SIX))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void shouldRefuseDevicesThatDoNotExist() {
    assertThat(new Device(Device.Kind.CUDA, 3).index()).isEqualTo(3);
    assertThatThrownBy(() -> new Device(Device.Kind.CPU, 1)).hasMessageContaining("CPU:1");
    assertThatThrownBy(() -> new Device(Device.Kind.CUDA, -1)).hasMessageContaining("CUDA:-1");
  }
}
