package dev.trireme.allreduce;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.allreduce.CollectiveChecks.Check;
import dev.trireme.allreduce.CollectiveChecks.Collective;
import dev.trireme.allreduce.CollectiveChecks.Memory;
import dev.trireme.allreduce.group.AllReduceAlgorithm;
import dev.trireme.allreduce.inprocess.InProcessGroups;
import dev.trireme.allreduce.plan.Hosts;
import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.tensor.DType;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every collective x formation x algorithm x count x dtype x operation x kind of memory, in
 * process, where hosts are only said to be different. A sample with a fixed seed, or all of them
 * with {@code -Dtrireme.matrix=full}.
 */
class OperationsMatrixTest {
  private static final boolean FULL = "full".equals(System.getProperty("trireme.matrix"));
  private static final int SAMPLE = 60;

  static Stream<Arguments> formations() {
    List<Arguments> all = new ArrayList<>();
    for (String hosts :
        List.of(
            "0",
            "00",
            "01",
            "000",
            "012",
            "001",
            "0101",
            "0123",
            "0011",
            "00011",
            "01234",
            "00001111",
            "01230123",
            "00000001")) {
      for (Optional<AllReduceAlgorithm> algorithm :
          List.of(
              Optional.<AllReduceAlgorithm>empty(),
              Optional.of(AllReduceAlgorithm.OWNER),
              Optional.of(AllReduceAlgorithm.RING))) {
        all.add(Arguments.of(hosts, algorithm));
      }
    }
    return all.stream();
  }

  @ParameterizedTest(name = "hosts {0}, {1}")
  @MethodSource("formations")
  void shouldDoLikeTheReferenceWithTheSameBitsOnAllRanks(
      String hosts, Optional<AllReduceAlgorithm> algorithm) {
    List<String> names = hosts.chars().mapToObj(Integer::toString).toList();
    try (InProcessGroups ranks =
        InProcessGroups.create(Hosts.named(names), InProcessGroups.TIMEOUT, algorithm)) {
      for (Check check : checks(names.size(), hosts.hashCode())) {
        List<Integer> bits = ranks.onEveryRank(group -> CollectiveChecks.run(group, check));
        assertThat(bits).as("%s", check).containsOnly(bits.get(0));
      }
    }
  }

  private static List<Check> checks(int worldSize, int seed) {
    List<Check> all = new ArrayList<>();
    for (Collective collective : Collective.values()) {
      for (DType dtype : DType.values()) {
        for (long count :
            new long[] {0, 1, 3, 127, worldSize - 1, 64L * worldSize, 1_021, 20_011}) {
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
    java.util.Collections.shuffle(all, new Random(seed));
    return all.subList(0, SAMPLE);
  }
}
