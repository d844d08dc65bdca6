package dev.trireme.allreduce;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.trireme.allreduce.group.AlgorithmTable;
import dev.trireme.allreduce.group.RecordedOperation;
import dev.trireme.allreduce.group.SharedGroup;
import dev.trireme.allreduce.inprocess.InProcessGroups;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.CollectiveException.Cause;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.collective.Work;
import dev.trireme.api.job.AlgorithmRow;
import dev.trireme.api.job.AlgorithmRow.Algorithm;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Device;
import dev.trireme.api.tensor.TensorBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Order, overlap, and all the ways in which a group ends. */
@Timeout(60)
class SharedGroupTest {
  private static final Duration SHORT = Duration.ofMillis(500);

  @Test
  void shouldRunOperationsInTheOrderInWhichTheyWereStarted() {
    try (InProcessGroups ranks = InProcessGroups.create(3)) {
      List<double[]> results =
          ranks.onEveryRank(
              group -> {
                TensorBuffer buffer = group.allocate(DType.FLOAT64, 5_000);
                TestBuffers.fill(buffer, group.rank());
                // The same memory again and again, nothing awaited in between.
                List<Work> works = new ArrayList<>();
                works.add(group.allReduce(buffer, ReduceOp.SUM));
                works.add(group.broadcast(buffer, 2));
                works.add(group.allReduce(buffer, ReduceOp.SUM));
                works.add(group.allReduce(buffer.slice(0, 7), ReduceOp.SUM));
                works.add(group.allReduce(buffer, ReduceOp.MAX));
                works.add(group.barrier());
                for (int i = works.size() - 1; i >= 0; i--) {
                  works.get(i).await();
                }
                return TestBuffers.read(buffer);
              });
      double[] sums = TestBuffers.expected(3, 5_000, DType.FLOAT64, ReduceOp.SUM);
      for (int i = 0; i < sums.length; i++) {
        sums[i] *= i < 7 ? 9 : 3;
      }
      assertThat(results).allSatisfy(result -> assertThat(result).isEqualTo(sums));
    }
  }

  @Test
  void shouldDoAllReducesAsItsTableSays() {
    AlgorithmTable table =
        AlgorithmTable.of(
            List.of(
                new AlgorithmRow(2, Optional.of(400L), Algorithm.RING),
                new AlgorithmRow(2, Optional.empty(), Algorithm.TREE),
                new AlgorithmRow(4, Optional.empty(), Algorithm.RING)));
    try (InProcessGroups ranks = InProcessGroups.create(3, table)) {
      List<List<String>> done =
          ranks.onEveryRank(
              group -> {
                TensorBuffer buffer = group.allocate(DType.FLOAT32, 101);
                TestBuffers.fill(buffer, group.rank());
                group.allReduce(buffer, ReduceOp.SUM).await();
                group.allReduce(buffer.slice(0, 100), ReduceOp.SUM).await();
                return ((SharedGroup) group)
                    .recentOperations().stream()
                        .map(RecordedOperation::what)
                        .filter(what -> what.startsWith("all-reduce"))
                        .toList();
              });
      assertThat(done)
          .allSatisfy(
              whats ->
                  assertThat(whats)
                      .containsExactly(
                          "all-reduce (sum, tree) of 101 FLOAT32",
                          "all-reduce (sum, ring) of 100 FLOAT32"));
    }
  }

  @Test
  void shouldKeepManyOperationsInFlight() {
    try (InProcessGroups ranks = InProcessGroups.create(2)) {
      ranks.onEveryRank(
          group -> {
            TensorBuffer buffer = group.allocate(DType.INT64, 1_000);
            List<Work> works = new ArrayList<>();
            for (int i = 0; i < 1_000; i++) {
              TensorBuffer one = buffer.slice(i, 1);
              TestBuffers.fill(one, group.rank());
              works.add(group.allReduce(one, ReduceOp.SUM));
            }
            works.forEach(Work::await);
            double sum = TestBuffers.value(0, 0) + TestBuffers.value(1, 0);
            assertThat(TestBuffers.read(buffer)).containsOnly(sum);
            return null;
          });
    }
  }

  @Test
  void shouldRefuseMoreOperationsInFlightThanItCanHold() {
    try (InProcessGroups ranks = InProcessGroups.create(2)) {
      ProcessGroup alone = ranks.group(0);
      assertThatThrownBy(
              () -> {
                while (true) {
                  alone.barrier();
                }
              })
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("1024 operations are in flight");
    }
  }

  @Test
  void shouldProgressWhileNobodyAwaits() {
    try (InProcessGroups ranks = InProcessGroups.create(2)) {
      ranks.onEveryRank(
          group -> {
            Work work = group.allReduce(group.allocate(DType.FLOAT32, 1 << 20), ReduceOp.SUM);
            long limit = System.nanoTime() + Duration.ofSeconds(20).toNanos();
            while (!work.isDone() && System.nanoTime() < limit) {
              Thread.onSpinWait();
            }
            assertThat(work.isDone()).isTrue();
            return null;
          });
    }
  }

  @Test
  void shouldWakeWhoAwaitsWhenAnotherThreadAborts() {
    try (InProcessGroups ranks = InProcessGroups.create(2)) {
      List<TensorBuffer> buffers = ranks.onEveryRank(g -> g.allocate(DType.FLOAT32, 100_000));
      Work stuck = ranks.group(0).allReduce(buffers.get(0), ReduceOp.SUM);
      Thread aborter = new Thread(() -> ranks.group(0).abort("the generation is over"));
      aborter.start();
      CollectiveException e = catchThrowableOfType(CollectiveException.class, stuck::await);
      assertThat(e.reason()).isEqualTo(Cause.ABORTED);
      assertThat(e)
          .hasMessageContaining("the generation is over")
          .hasMessageContaining("all-reduce")
          .hasMessageContaining("waited for: rank 1");
      assertThat(stuck.isDone()).isTrue();
      shouldBeUnusable(ranks.group(0));
      // The peer is told, so that it does not wait for its deadline.
      assertThatThrownBy(() -> ranks.group(1).allReduce(buffers.get(1), ReduceOp.SUM).await())
          .isInstanceOf(CollectiveException.class)
          .hasMessageContaining("the generation is over");
    }
  }

  private static TensorBuffer buffer(InProcessGroups ranks, long count) {
    return ranks.onEveryRank(group -> group.allocate(DType.FLOAT32, count)).get(0);
  }

  private static void shouldBeUnusable(ProcessGroup group) {
    assertThatThrownBy(group::requireUsable)
        .isInstanceOfSatisfying(
            CollectiveException.class, e -> assertThat(e.reason()).isEqualTo(Cause.UNUSABLE));
    assertThatThrownBy(() -> group.barrier().await())
        .isInstanceOfSatisfying(
            CollectiveException.class, e -> assertThat(e.reason()).isEqualTo(Cause.UNUSABLE));
    assertThatThrownBy(() -> group.allocate(DType.UINT8, 1))
        .isInstanceOf(CollectiveException.class);
  }

  @Test
  void shouldGiveUpAtTheDeadlineAndSayWhoDidNotStart() {
    try (InProcessGroups ranks = InProcessGroups.create(3, SHORT, Optional.empty())) {
      ranks.group(1).barrier();
      Work work = ranks.group(0).barrier();
      CollectiveException e = catchThrowableOfType(CollectiveException.class, work::await);
      assertThat(e.reason()).isEqualTo(Cause.DEADLINE);
      assertThat(e.suspectRank()).isEqualTo(2);
      assertThat(e)
          .hasMessageContaining("generation 1")
          .hasMessageContaining("operation 2, barrier")
          .hasMessageContaining("deadline of 500 ms")
          .hasMessageContaining("waited for: rank 2 was last heard of");
      shouldBeUnusable(ranks.group(0));
    }
  }

  @Test
  void shouldBlameTheRankThatIsLostEvenWhileWaitingForAnother() {
    try (InProcessGroups ranks = InProcessGroups.create(3)) {
      ranks.group(2).barrier();
      Work work = ranks.group(0).barrier();
      ranks.lose(2);
      CollectiveException e = catchThrowableOfType(CollectiveException.class, work::await);
      assertThat(e.reason()).isEqualTo(Cause.PEER_LOST);
      assertThat(e.suspectRank()).isEqualTo(2);
    }
  }

  @Test
  void shouldSayWhenRanksStartDifferentOperations() {
    try (InProcessGroups ranks = InProcessGroups.create(2)) {
      TensorBuffer buffer = buffer(ranks, 20);
      assertThatThrownBy(
              () ->
                  ranks.onEveryRank(
                      group -> {
                        (group.rank() == 0
                                ? group.allReduce(buffer.slice(0, 12), ReduceOp.SUM)
                                : group.barrier())
                            .await();
                        return null;
                      }))
          .isInstanceOf(CollectiveException.class)
          .hasMessageContaining("all-reduce (sum, direct) of 12 FLOAT32")
          .hasMessageContaining("started barrier");
    }
  }

  @Test
  void shouldEndOperationsInFlightWhenClosed() {
    try (InProcessGroups ranks = InProcessGroups.create(2)) {
      Work work = ranks.group(0).barrier();
      ranks.group(0).close();
      assertThat(work.isDone()).isTrue();
      assertThatThrownBy(work::await)
          .isInstanceOf(CollectiveException.class)
          .hasMessageContaining("closed");
      // Rank 0 did start the first barrier.
      ranks.group(1).barrier().await();
      assertThatThrownBy(() -> ranks.group(1).barrier().await())
          .isInstanceOfSatisfying(
              CollectiveException.class,
              e -> {
                assertThat(e.reason()).isEqualTo(Cause.PEER_LOST);
                assertThat(e.suspectRank()).isZero();
              });
    }
  }

  @Test
  void shouldRefuseWhatItCannotReduceBeforeAnythingIsStarted() {
    try (InProcessGroups ranks = InProcessGroups.create(2)) {
      TensorBuffer half = TensorBuffer.cpu(64, DType.BFLOAT16, 8);
      TensorBuffer remote = new TensorBuffer(64, DType.FLOAT32, 8, new Device(Device.Kind.CUDA, 0));
      assertThatThrownBy(() -> ranks.group(0).allReduce(remote, ReduceOp.SUM))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("CUDA");
      assertThatThrownBy(() -> ranks.group(0).broadcast(half, 2))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("rank 2");
      ranks.onEveryRank(
          group -> {
            group.barrier().await();
            return null;
          });
    }
  }
}
