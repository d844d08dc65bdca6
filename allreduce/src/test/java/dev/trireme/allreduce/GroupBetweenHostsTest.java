package dev.trireme.allreduce;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.trireme.allreduce.group.RecordedOperation;
import dev.trireme.allreduce.group.SharedGroup;
import dev.trireme.allreduce.inprocess.InProcessGroups;
import dev.trireme.allreduce.inprocess.RankGroups;
import dev.trireme.allreduce.plan.Hosts;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.collective.Work;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Every rank on a host of its own, as far as the group knows. */
class GroupBetweenHostsTest extends GroupChecks {
  @Override
  protected RankGroups form(int worldSize, Duration timeout) {
    return groups(worldSize, timeout);
  }

  private static InProcessGroups groups(int worldSize, Duration timeout) {
    return InProcessGroups.create(
        Hosts.named(IntStream.range(0, worldSize).mapToObj(i -> "host-" + i).toList()),
        timeout,
        Optional.empty());
  }

  /** Few elements go to all at once, many by plan; nobody can have sent any yet. */
  @ParameterizedTest(name = "{0} elements")
  @ValueSource(ints = {8, 100_000})
  void shouldBlameTheRankThatHasNotStarted(int count) {
    try (InProcessGroups ranks = groups(3, Duration.ofSeconds(1))) {
      List<TensorBuffer> buffers = ranks.onEveryRank(g -> g.allocate(DType.FLOAT32, count));
      List<Work> started =
          List.of(
              ranks.group(0).allReduce(buffers.get(0), ReduceOp.SUM),
              ranks.group(1).allReduce(buffers.get(1), ReduceOp.SUM));
      assertThat(started)
          .allSatisfy(
              work ->
                  assertThat(
                          catchThrowableOfType(CollectiveException.class, work::await)
                              .suspectRank())
                      .isEqualTo(2));
    }
  }

  @ParameterizedTest(name = "{0} elements")
  @ValueSource(ints = {8, 100_000})
  void shouldRecordHowManyBytesWereDone(int count) {
    try (InProcessGroups ranks = groups(3, InProcessGroups.TIMEOUT)) {
      ranks.onEveryRank(
          group -> {
            TensorBuffer buffer = group.allocate(DType.FLOAT32, count);
            group.allReduce(buffer, ReduceOp.SUM).await();
            return null;
          });
      List<RecordedOperation> recorded = ((SharedGroup) ranks.group(0)).recentOperations();
      assertThat(recorded.get(recorded.size() - 1).bytesDone()).isGreaterThanOrEqualTo(4L * count);
    }
  }

  /** 1 + 2^-8 is 1 in BFLOAT16, and 1 + 2^-8 + 2^-8 is not. */
  @Test
  void shouldRoundASumOfFewElementsOnce() {
    try (InProcessGroups ranks = groups(3, InProcessGroups.TIMEOUT)) {
      List<double[]> sums =
          ranks.onEveryRank(
              group -> {
                TensorBuffer buffer = group.allocate(DType.BFLOAT16, 8);
                short bits = (short) (group.rank() == 0 ? 0x3f80 : 0x3b80);
                for (int i = 0; i < 8; i++) {
                  NativeMemory.view(buffer.address(), 16).putShort(2 * i, bits);
                }
                group.allReduce(buffer, ReduceOp.SUM).await();
                return TestBuffers.read(buffer);
              });
      assertThat(sums).allSatisfy(sum -> assertThat(sum).containsOnly(1 + 1.0 / 128));
    }
  }
}
