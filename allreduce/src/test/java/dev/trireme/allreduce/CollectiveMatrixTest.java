package dev.trireme.allreduce;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.trireme.allreduce.group.AllReduceAlgorithm;
import dev.trireme.allreduce.inprocess.InProcessGroups;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** World size x algorithm x count x dtype x operation x kind of memory, against a reference. */
class CollectiveMatrixTest {
  private static final DType[] DTYPES = DType.values();

  static Stream<Arguments> formations() {
    List<Arguments> all = new ArrayList<>();
    for (int worldSize : new int[] {1, 2, 3, 4, 5, 8}) {
      all.add(Arguments.of(worldSize, Named.of("chosen", Optional.empty())));
      for (AllReduceAlgorithm algorithm : AllReduceAlgorithm.values()) {
        all.add(Arguments.of(worldSize, Named.of(algorithm.name(), Optional.of(algorithm))));
      }
    }
    return all.stream();
  }

  static long[] counts(int worldSize) {
    return new long[] {0, 1, 3, 127, worldSize - 1, 64L * worldSize, 8191, 300_007};
  }

  @ParameterizedTest(name = "{0} ranks, {1}")
  @MethodSource("formations")
  void shouldAllReduceLikeTheReferenceWithTheSameBitsOnAllRanks(
      int worldSize, Optional<AllReduceAlgorithm> algorithm) {
    try (InProcessGroups ranks =
        InProcessGroups.create(worldSize, InProcessGroups.TIMEOUT, algorithm)) {
      for (long count : counts(worldSize)) {
        for (DType dtype : DTYPES) {
          if (count > (dtype == DType.FLOAT32 ? 1_000_000 : dtype.bytes() < 4 ? 1_000 : 10_000)) {
            continue;
          }
          for (ReduceOp op : ReduceOp.values()) {
            List<Integer> bits = ranks.onEveryRank(g -> allReduce(g, dtype, count, op));
            assertThat(bits).as("%s %s %s", count, dtype, op).containsOnly(bits.get(0));
          }
        }
      }
    }
  }

  private static int allReduce(ProcessGroup group, DType dtype, long count, ReduceOp op) {
    double[] expected = TestBuffers.expected(group.worldSize(), count, dtype, op);
    TensorBuffer shared = group.allocate(dtype, count);
    TestBuffers.fill(shared, group.rank());
    group.allReduce(shared, op).await();
    assertReduced(shared, expected, op);
    try (NativeMemory.Block block = NativeMemory.allocate(count * dtype.bytes(), 64)) {
      // Memory of one's own on all ranks, then on rank 0 only.
      TensorBuffer own = block.buffer(dtype, count);
      TestBuffers.fill(own, group.rank());
      group.allReduce(own, op).await();
      assertReduced(own, expected, op);
      TensorBuffer mixed = group.rank() == 0 ? own : shared;
      TestBuffers.fill(mixed, group.rank());
      group.allReduce(mixed, op).await();
      assertReduced(mixed, expected, op);
    }
    return TestBuffers.bits(shared);
  }

  private static void assertReduced(TensorBuffer buffer, double[] expected, ReduceOp op) {
    double[] found = TestBuffers.read(buffer);
    if (buffer.dtype() == DType.BFLOAT16) {
      // A ring rounds partial sums to 8 bits, each by at most 2 of at most 800.
      assertThat(found).as("%s %s", buffer, op).containsExactly(expected, within(16.0));
    } else {
      assertThat(found).as("%s %s", buffer, op).isEqualTo(expected);
    }
  }

  @ParameterizedTest(name = "{0} ranks, {1}")
  @MethodSource("formations")
  void shouldBroadcastFromEveryRoot(int worldSize, Optional<AllReduceAlgorithm> algorithm) {
    try (InProcessGroups ranks =
        InProcessGroups.create(worldSize, InProcessGroups.TIMEOUT, algorithm)) {
      for (long count : counts(worldSize)) {
        ranks.onEveryRank(
            group -> {
              for (int root = 0; root < worldSize; root++) {
                broadcast(group, count, root);
              }
              return null;
            });
      }
    }
  }

  private static void broadcast(ProcessGroup group, long count, int root) {
    double[] expected = new double[(int) count];
    for (int i = 0; i < count; i++) {
      expected[i] = TestBuffers.value(root, i) & 0xff;
    }
    TensorBuffer shared = group.allocate(DType.UINT8, count);
    TestBuffers.fill(shared, group.rank());
    group.broadcast(shared, root).await();
    assertThat(TestBuffers.read(shared)).isEqualTo(expected);
    try (NativeMemory.Block block = NativeMemory.allocate(count, 64)) {
      TensorBuffer own = block.buffer(DType.UINT8, count);
      TestBuffers.fill(own, group.rank());
      group.broadcast(own, root).await();
      assertThat(TestBuffers.read(own)).isEqualTo(expected);
    }
  }
}
