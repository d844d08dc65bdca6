package dev.trireme.api.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.api.tensor.DeviceMemory.Piece;
import org.junit.jupiter.api.Test;

class HostMemoryTest {
  private final DeviceMemory memory = DeviceMemory.HOST;

  @Test
  void shouldCopyAndZero() {
    try (Piece from = memory.allocate(Device.CPU, DType.INT32, 3);
        Piece to = memory.allocate(Device.CPU, DType.INT32, 3)) {
      NativeMemory.write(new byte[] {1, 2, 3, 4}, 0, 4, from.buffer().address() + 4);
      memory.copy(from.buffer(), to.buffer());
      assertThat(bytes(to.buffer())).containsExactly(0, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0);
      memory.enqueueZero(to.buffer());
      memory.synchronize(Device.CPU);
      assertThat(bytes(to.buffer())).containsOnly(0);
    }
  }

  @Test
  void shouldRefuseACopyOfAnotherSizeOrDtype() {
    try (Piece from = memory.allocate(Device.CPU, DType.INT32, 3);
        Piece shorter = memory.allocate(Device.CPU, DType.INT32, 2);
        Piece other = memory.allocate(Device.CPU, DType.FLOAT32, 3)) {
      assertThatThrownBy(() -> memory.copy(from.buffer(), shorter.buffer()))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("3 INT32 and 2 INT32");
      assertThatThrownBy(() -> memory.enqueueCopy(from.buffer(), other.buffer()))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void shouldRefuseADevice() {
    Device cuda = new Device(Device.Kind.CUDA, 1);
    assertThatThrownBy(() -> memory.allocate(cuda, DType.INT32, 3))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("cuda:1");
  }

  private static byte[] bytes(TensorBuffer buffer) {
    byte[] all = new byte[(int) buffer.byteCount()];
    NativeMemory.read(buffer.address(), all, 0, all.length);
    return all;
  }
}
