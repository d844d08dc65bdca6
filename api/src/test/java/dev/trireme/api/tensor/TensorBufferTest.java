package dev.trireme.api.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class TensorBufferTest {
  private static final TensorBuffer TEN = TensorBuffer.cpu(1024, DType.FLOAT32, 10);

  @ParameterizedTest
  @CsvSource({
    "FLOAT32, 40",
    "FLOAT64, 80",
    "BFLOAT16, 20",
    "FLOAT16, 20",
    "INT32, 40",
    "INT64, 80",
    "UINT8, 10",
  })
  void shouldKnowItsSizeInBytes(DType dtype, long bytes) {
    assertThat(TensorBuffer.cpu(1024, dtype, 10).byteCount()).isEqualTo(bytes);
  }

  @Test
  void shouldNameDevicesAsPeopleDo() {
    assertThat(Device.CPU).hasToString("cpu");
    assertThat(new Device(Device.Kind.CUDA, 3)).hasToString("cuda:3");
  }

  @Test
  void shouldSliceWithinItsMemory() {
    assertThat(TEN.slice(3, 4)).isEqualTo(TensorBuffer.cpu(1036, DType.FLOAT32, 4));
    assertThat(TEN.slice(0, 10)).isEqualTo(TEN);
    assertThat(TEN.slice(10, 0).count()).isZero();
    assertThat(TEN.slice(3, 4).slice(1, 2)).isEqualTo(TEN.slice(4, 2));
  }

  @ParameterizedTest
  @CsvSource({"-1, 2", "0, 11", "10, 1", "5, -1", "11, 0", "1, 9223372036854775807"})
  void shouldRefuseSliceOutsideItsMemory(long from, long length) {
    assertThatThrownBy(() -> TEN.slice(from, length)).isInstanceOf(IndexOutOfBoundsException.class);
  }

  @Test
  void shouldRefuseWhatIsNoMemory() {
    assertThatThrownBy(() -> TensorBuffer.cpu(1024, DType.UINT8, -1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("count is -1");
    assertThatThrownBy(() -> TensorBuffer.cpu(0, DType.UINT8, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("1 elements has no address");
    assertThatThrownBy(() -> TensorBuffer.cpu(1024, DType.INT64, Long.MAX_VALUE / 4))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("no memory holds");
    assertThatThrownBy(() -> new TensorBuffer(1, null, 1, Device.CPU))
        .isInstanceOf(NullPointerException.class)
        .hasMessage("dtype");
  }

  @Test
  void shouldAllowNoElementsAtNoAddress() {
    assertThat(TensorBuffer.cpu(0, DType.FLOAT32, 0).byteCount()).isZero();
  }

  @ParameterizedTest
  @EnumSource(DType.class)
  void shouldFindDtypeByItsSafetensorsName(DType dtype) {
    assertThat(DType.ofSafetensorsName(dtype.safetensorsName())).isEqualTo(dtype);
  }

  @Test
  void shouldNameTheDtypesThereAre() {
    assertThatThrownBy(() -> DType.ofSafetensorsName("f32"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContainingAll("F32, F64, BF16, F16, I32, I64, U8", "'f32'");
  }
}
