package dev.trireme.api.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NativeMemoryTest {
  @Test
  void shouldHandOutZeroedAlignedMemory() {
    for (int alignment : new int[] {1, 64, 4096}) {
      try (NativeMemory.Block block = NativeMemory.allocate(10_000, alignment)) {
        assertThat(block.address() % alignment).isZero();
        byte[] bytes = new byte[10_000];
        bytes[17] = 1;
        NativeMemory.read(block.address(), bytes, 0, bytes.length);
        assertThat(bytes).containsOnly(0);
      }
    }
  }

  @Test
  void shouldReadBackWhatWasWrittenCopiedAndFilled() {
    try (NativeMemory.Block a = NativeMemory.allocate(8, 8);
        NativeMemory.Block b = NativeMemory.allocate(8, 8)) {
      NativeMemory.write(new byte[] {9, 1, 2, 3, 9}, 1, 3, a.address() + 2);
      NativeMemory.copy(a.address(), b.address(), 6);
      NativeMemory.fill(b.address() + 6, 2, (byte) 7);
      byte[] found = new byte[10];
      NativeMemory.read(b.address(), found, 1, 8);
      assertThat(found).containsExactly(0, 0, 0, 1, 2, 3, 0, 7, 7, 0);
    }
  }

  @Test
  void shouldRefuseRangesOutsideTheArray() {
    try (NativeMemory.Block block = NativeMemory.allocate(8, 8)) {
      byte[] bytes = new byte[8];
      assertThatThrownBy(() -> NativeMemory.read(block.address(), bytes, 4, 5))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> NativeMemory.write(bytes, -1, 5, block.address()))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> block.buffer(DType.FLOAT32, 3))
          .isInstanceOf(IndexOutOfBoundsException.class);
    }
    assertThatThrownBy(() -> NativeMemory.allocate(8, 3))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("power of two");
  }

  @Test
  void shouldViewMemoryAsADirectBuffer(@TempDir Path dir) throws Exception {
    try (NativeMemory.Block block = NativeMemory.allocate(16, 16)) {
      ByteBuffer view = NativeMemory.view(block.address() + 4, 12);
      assertThat(view.isDirect()).isTrue();
      assertThat(view.order()).isEqualTo(ByteOrder.nativeOrder());
      assertThat(view.remaining()).isEqualTo(12);
      view.putInt(0, 0x01020304).putInt(8, 0x0a0b0c0d);

      Path file = dir.resolve("bytes");
      try (FileChannel channel =
          FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
        channel.write(NativeMemory.view(block.address(), 16));
      }
      ByteBuffer written = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.nativeOrder());
      assertThat(written.getInt(0)).isZero();
      assertThat(written.getInt(4)).isEqualTo(0x01020304);
      assertThat(written.getInt(12)).isEqualTo(0x0a0b0c0d);
    }
  }

  @Test
  void shouldHashNamesTypesShapesAndBitsWhateverTheOrder() {
    try (NativeMemory.Block block = NativeMemory.allocate(1 << 20, 64)) {
      TensorBuffer floats = block.buffer(DType.FLOAT32, 100_000);
      NamedTensor a = new NamedTensor("a", Shape.of(100, 1000), floats);
      NamedTensor b = new NamedTensor("b", Shape.of(), floats.slice(5, 1));
      String hash = StateHash.of(List.of(a, b));

      assertThat(hash).matches("sha256:[0-9a-f]{64}").isEqualTo(StateHash.of(List.of(b, a)));
      assertThat(StateHash.of(List.of(new NamedTensor("c", a.shape(), floats), b)))
          .isNotEqualTo(hash);
      assertThat(StateHash.of(List.of(new NamedTensor("a", Shape.of(1000, 100), floats), b)))
          .isNotEqualTo(hash);
      TensorBuffer ints = block.buffer(DType.INT32, 100_000);
      assertThat(StateHash.of(List.of(new NamedTensor("a", a.shape(), ints), b)))
          .isNotEqualTo(hash);
      NativeMemory.fill(floats.address() + floats.byteCount() - 1, 1, (byte) 1);
      assertThat(StateHash.of(List.of(a, b))).isNotEqualTo(hash);
      assertThatThrownBy(() -> StateHash.of(List.of(a, a))).hasMessageContaining("'a'");
    }
  }
}
