package dev.trireme.allreduce;

import static dev.trireme.allreduce.group.AllReduceAlgorithm.DIRECT;
import static dev.trireme.allreduce.group.AllReduceAlgorithm.OWNER;
import static dev.trireme.allreduce.group.AllReduceAlgorithm.RING;
import static dev.trireme.allreduce.group.AllReduceAlgorithm.TREE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.allreduce.group.AlgorithmTable;
import dev.trireme.allreduce.group.AllReduceAlgorithm;
import dev.trireme.allreduce.inprocess.InProcessGroups;
import dev.trireme.allreduce.plan.Hosts;
import dev.trireme.api.job.AlgorithmRow;
import dev.trireme.api.job.AlgorithmRow.Algorithm;
import dev.trireme.api.job.SpecException;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.LongRange;
import org.junit.jupiter.api.Test;

class AlgorithmTableTest {
  private static AlgorithmRow row(int ranks, long upTo, Algorithm algorithm) {
    return new AlgorithmRow(ranks, Optional.of(upTo), algorithm);
  }

  private static AlgorithmRow last(int ranks, Algorithm algorithm) {
    return new AlgorithmRow(ranks, Optional.empty(), algorithm);
  }

  @Test
  void shouldRefuseBetweenHostsWhatIsForRanksOfOne() {
    Hosts two = new Hosts(List.of(0, 0, 1));
    for (AllReduceAlgorithm algorithm : List.of(AllReduceAlgorithm.HALVING_DOUBLING)) {
      assertThatThrownBy(
              () -> InProcessGroups.create(two, InProcessGroups.TIMEOUT, Optional.of(algorithm)))
          .hasStackTraceContaining("read the memory of all ranks, which are on 2 hosts");
    }
    try (InProcessGroups ring =
        InProcessGroups.create(two, InProcessGroups.TIMEOUT, Optional.of(RING))) {
      assertThat(ring).isNotNull();
    }
    assertThatThrownBy(
            () -> InProcessGroups.create(two, AlgorithmTable.of(List.of(last(2, Algorithm.RING)))))
        .hasStackTraceContaining("parallel.algorithms was measured between ranks of one host");
  }

  @Test
  void shouldChooseByTheNearestSmallerWorldSizeAndTheFirstRowThatHolds() {
    AlgorithmTable table =
        AlgorithmTable.of(
            List.of(
                row(3, 1024, Algorithm.DIRECT),
                last(3, Algorithm.RING),
                row(5, 1 << 20, Algorithm.TREE),
                last(5, Algorithm.OWNER)));
    assertThat(table.choose(3, 1024)).isEqualTo(DIRECT);
    assertThat(table.choose(4, 1025)).isEqualTo(RING);
    assertThat(table.choose(5, 0)).isEqualTo(TREE);
    assertThat(table.choose(5, 1 << 20)).isEqualTo(TREE);
    assertThat(table.choose(64, (1 << 20) + 1)).isEqualTo(OWNER);
    assertThat(table.choose(2, 2048)).isEqualTo(DIRECT);
    assertThat(table.choose(2, 2049)).isEqualTo(OWNER);
  }

  @Property(tries = 200)
  void shouldChooseAsUntunedWithoutRows(
      @ForAll @IntRange(min = 1, max = 64) int ranks,
      @ForAll @LongRange(min = 0, max = 8192) long bytes) {
    AllReduceAlgorithm untuned = bytes <= 2048 ? DIRECT : OWNER;
    assertThat(AlgorithmTable.of(List.of()).choose(ranks, bytes)).isEqualTo(untuned);
    assertThat(AlgorithmTable.forced(Optional.empty()).choose(ranks, bytes)).isEqualTo(untuned);
    assertThat(AlgorithmTable.forced(Optional.of(DIRECT)).choose(ranks, bytes)).isEqualTo(untuned);
    assertThat(AlgorithmTable.forced(Optional.of(TREE)).choose(ranks, bytes)).isEqualTo(TREE);
  }

  /** Whatever was measured, no size gets an algorithm that was slower by more than a tenth. */
  @Property(tries = 200)
  void shouldTakeTheQuickestOfEachSize(@ForAll long seed) {
    Random random = new Random(seed);
    Map<AllReduceAlgorithm, Map<Long, Double>> seconds = new EnumMap<>(AllReduceAlgorithm.class);
    Map<Long, Double> least = new TreeMap<>();
    for (long bytes = 256L << random.nextInt(6); bytes <= 1 << 20; bytes *= 4) {
      for (AllReduceAlgorithm algorithm : AllReduceAlgorithm.values()) {
        if (algorithm != DIRECT || bytes <= 2048) {
          double time = 0.5 + random.nextDouble();
          seconds.computeIfAbsent(algorithm, a -> new TreeMap<>()).put(bytes, time);
          least.merge(bytes, time, Math::min);
        }
      }
    }
    AlgorithmTable table = AlgorithmTable.fastest(3, seconds);
    least.forEach(
        (bytes, best) ->
            assertThat(seconds.get(table.choose(3, bytes)).get(bytes))
                .isBetween(best, best * 1.1000001));
  }

  @Test
  void shouldRefuseRowsThatMakeNoTable() {
    List<List<AlgorithmRow>> wrong =
        List.of(
            List.of(row(2, 4096, Algorithm.RING)),
            List.of(last(2, Algorithm.RING), last(2, Algorithm.OWNER)),
            List.of(last(4, Algorithm.RING), last(2, Algorithm.OWNER)),
            List.of(
                row(2, 64, Algorithm.RING), row(2, 64, Algorithm.TREE), last(2, Algorithm.RING)));
    assertThat(wrong)
        .allSatisfy(
            rows ->
                assertThatThrownBy(() -> AlgorithmTable.of(rows))
                    .isInstanceOf(SpecException.class)
                    .hasMessageContaining("expected"));
    assertThatThrownBy(() -> row(2, 2049, Algorithm.DIRECT)).isInstanceOf(SpecException.class);
    assertThatThrownBy(() -> last(2, Algorithm.DIRECT)).hasMessageContaining("no limit");
  }
}
