package dev.trireme.ps.shard;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.ps.plan.Shard;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class PackingTest {
  private static ByteBuffer bytes(long count) {
    return ByteBuffer.allocateDirect((int) count).order(ByteOrder.nativeOrder());
  }

  private static double precision(Wire wire) {
    return switch (wire) {
      case FLOAT32 -> 0;
      case FLOAT16 -> 0x1p-11;
      case BFLOAT16 -> 0x1p-8;
    };
  }

  @ParameterizedTest
  @EnumSource(Wire.class)
  void shouldGiveBackWhatWasPacked(Wire wire) {
    int count = 2500;
    Packing packing = new Packing(new Shard(0, 0, count), wire);
    Random random = new Random(3);
    FloatBuffer slab = FloatBuffer.allocate(count);
    for (int i = 0; i < count; i++) {
      slab.put(i, (float) random.nextGaussian());
    }
    ByteBuffer message = bytes(packing.bytes(0));
    packing.pack(slab, new int[0], 0, message);
    try (NativeMemory.Block read = NativeMemory.allocate(4L * count, 64)) {
      FloatBuffer values = NativeMemory.view(read.address(), 4 * count).asFloatBuffer();
      int half = count / 2;
      packing.read(message, 0, read.address(), half);
      packing.read(message, half, read.address() + 4L * half, count - half);
      for (int i = 0; i < count; i++) {
        float value = slab.get(i);
        assertThat((double) values.get(i))
            .isCloseTo(value, within(precision(wire) * Math.abs(value) + 1e-7));
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"FLOAT32, 3", "FLOAT16, 3", "BFLOAT16, 3", "FLOAT32, 1500", "BFLOAT16, 1"})
  void shouldAddUpTheRowsOfSeveralWorkers(Wire wire, int width) {
    int rows = 40;
    Shard shard = new Shard(0, 0, (long) rows * width, width, 100);
    Packing packing = new Packing(shard, wire);
    int[][] named = {{0, 7, 39}, {}, {7, 8}};
    FloatBuffer slab = FloatBuffer.allocate(rows * width);
    for (int i = 0; i < rows * width; i++) {
      slab.put(i, i / width + 1);
    }
    List<RowSum.Part> parts = new ArrayList<>();
    for (int[] some : named) {
      ByteBuffer message = bytes(packing.bytes(some.length));
      packing.pack(slab, some, some.length, message);
      parts.add(new RowSum.Part(message, packing.bytes(some.length)));
    }
    RowSum sum = new RowSum(shard, packing);
    sum.add(parts);
    assertThat(sum.count()).isEqualTo(4);
    assertThat(Arrays.copyOf(sum.rows(), 4)).containsExactly(0, 7, 8, 39);
    assertThat(sum.values()[0]).isEqualTo(1);
    assertThat(sum.values()[2 * width - 1]).isEqualTo(16);
    assertThat(sum.values()[2 * width]).isEqualTo(9);
    assertThat(sum.values()[4 * width - 1]).isEqualTo(40);
  }

  @Test
  void shouldRefuseWhatIsNoGradientOfTheShard() {
    Packing dense = new Packing(new Shard(1, 0, 10), Wire.FLOAT32);
    assertThatThrownBy(() -> dense.rows(36))
        .hasMessageContaining("shard 1")
        .hasMessageContaining("40");
    Packing table = new Packing(new Shard(2, 0, 10, 5, 0), Wire.FLOAT32);
    assertThatThrownBy(() -> table.rows(3 * 24)).hasMessageContaining("at most 2 rows");
    ByteBuffer twice = bytes(48);
    twice.putInt(0, 1).putInt(4, 1);
    assertThatThrownBy(() -> table.rowsIn(twice, 48)).hasMessageContaining("ascending");
  }
}
