package dev.trireme.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.api.data.DataException;
import dev.trireme.api.tensor.NativeMemory;
import org.junit.jupiter.api.Test;

class MemoryTest {
  @Test
  void shouldRefuseMoreThanTheHostHasBeforeTouchingIt() {
    assertThatThrownBy(() -> Memory.allocate(1L << 50, 64, "data.train.images: 9 items"))
        .isInstanceOf(DataException.class)
        .hasMessageContainingAll(
            "data.train.images: 9 items need 1073741824 MiB", "this host has", "smaller");
  }

  @Test
  void shouldAllocateAligned() {
    try (NativeMemory.Block block = Memory.allocate(100, 64, "a test: 100 bytes")) {
      assertThat(block.address() % 64).isZero();
      assertThat(block.bytes()).isEqualTo(100);
    }
  }
}
