package dev.trireme.allreduce.nccl;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.allreduce.CollectiveChecks;
import dev.trireme.allreduce.CollectiveChecks.Check;
import dev.trireme.allreduce.CollectiveChecks.Collective;
import dev.trireme.allreduce.CollectiveChecks.Memory;
import dev.trireme.allreduce.TestBuffers;
import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.collective.Work;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.TensorBuffer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Every collective x world size x count x dtype x operation x kind of memory over the NCCL group,
 * on the stand-ins. A sample with a fixed seed, or all of them with {@code -Dtrireme.matrix=full}.
 */
class NcclCollectivesTest {
  private static final boolean FULL = "full".equals(System.getProperty("trireme.matrix"));
  private static final int SAMPLE = 150;

  @ParameterizedTest(name = "{0} ranks, buffers on the device: {1}")
  @CsvSource({
    "1, false",
    "1, true",
    "2, false",
    "2, true",
    "3, false",
    "3, true",
    "4, false",
    "4, true"
  })
  void shouldDoLikeTheReferenceWithTheSameBitsOnAllRanks(int worldSize, boolean onDevice) {
    List<Check> checks = checks(worldSize, worldSize);
    System.out.printf(
        "NCCL: %d checks, %d ranks, buffers on the %s%n",
        checks.size(), worldSize, onDevice ? "device" : "host");
    try (NcclGroups ranks = NcclGroups.create(worldSize)) {
      for (Check check : checks) {
        List<Integer> bits =
            ranks.onEveryRank(
                group ->
                    onDevice
                        ? CollectiveChecks.run(
                            group, check, (t, n) -> NcclGroups.onDevice(group, t, n))
                        : CollectiveChecks.run(group, check));
        assertThat(bits).as("%s", check).containsOnly(bits.get(0));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3})
  void shouldCompleteManyOperationsInTheOrderOfTheirStart(int worldSize) {
    try (NcclGroups ranks = NcclGroups.create(worldSize)) {
      ranks.onEveryRank(
          group -> {
            List<Work> works = new ArrayList<>();
            List<Integer> ended = Collections.synchronizedList(new ArrayList<>());
            for (int i = 0; i < 200; i++) {
              int number = i;
              Work work =
                  i % 7 == 0
                      ? group.barrier()
                      : group.allReduce(
                          NcclGroups.onDevice(group, DType.FLOAT32, 1 + i * 97L), ReduceOp.SUM);
              work.whenDone(end -> ended.add(number));
              works.add(work);
            }
            CompletableFuture<Integer> last = new CompletableFuture<>();
            works.get(199).whenDone(end -> last.complete(199));
            works.get(199).await();
            // A waiter may be back before the callbacks have run; they run in order.
            last.get(10, TimeUnit.SECONDS);
            assertThat(works).allMatch(Work::isDone);
            assertThat(ended).isSorted().hasSize(200);
            return null;
          });
    }
  }

  @Test
  void shouldReduceSeveralBuffersAsOneOperation() {
    try (NcclGroups ranks = NcclGroups.create(2)) {
      ranks.onEveryRank(
          group -> {
            TensorBuffer one = NcclGroups.onDevice(group, DType.FLOAT32, 100);
            TensorBuffer other = NcclGroups.onDevice(group, DType.INT64, 20_011);
            TestBuffers.fill(one, group.rank());
            TestBuffers.fill(other, group.rank());
            ((NcclProcessGroup) group).allReduceTogether(List.of(one, other), ReduceOp.SUM).await();
            assertThat(TestBuffers.read(one))
                .isEqualTo(TestBuffers.expected(2, 100, DType.FLOAT32, ReduceOp.SUM));
            assertThat(TestBuffers.read(other))
                .isEqualTo(TestBuffers.expected(2, 20_011, DType.INT64, ReduceOp.SUM));
            return null;
          });
    }
  }

  private static List<Check> checks(int worldSize, int seed) {
    List<Check> all = new ArrayList<>();
    for (Collective collective : Collective.values()) {
      if (worldSize == 1 && collective == Collective.SEND_RECEIVE) {
        continue;
      }
      for (DType dtype : DType.values()) {
        for (long count : new long[] {0, 1, 3, 127, worldSize - 1, 64L * worldSize, 20_011}) {
          for (ReduceOp op : ReduceOp.values()) {
            for (Memory memory : Memory.values()) {
              int root = (int) (count + op.ordinal()) % worldSize;
              all.add(new Check(collective, dtype, count, op, root, memory));
            }
          }
        }
      }
    }
    if (FULL) {
      return all;
    }
    Collections.shuffle(all, new Random(seed));
    return all.subList(0, SAMPLE);
  }
}
