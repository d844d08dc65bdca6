package dev.trireme.allreduce;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.trireme.allreduce.group.AlgorithmTable;
import dev.trireme.allreduce.group.RecordedOperation;
import dev.trireme.allreduce.group.SharedGroup;
import dev.trireme.allreduce.inprocess.InProcessGroups;
import dev.trireme.allreduce.inprocess.RankGroups;
import dev.trireme.allreduce.plan.Hosts;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.CollectiveException.Cause;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.collective.Work;
import dev.trireme.api.job.AlgorithmRow;
import dev.trireme.api.job.AlgorithmRow.Algorithm;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Device;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Ranks of one host: the algorithms' table, memory that is shown, and all the ways to end. */
class SharedGroupTest extends GroupChecks {
  private static final Duration SHORT = Duration.ofMillis(500);

  @Override
  protected RankGroups form(int worldSize, Duration timeout) {
    return InProcessGroups.create(worldSize, timeout, Optional.empty());
  }

  @Test
  void shouldShowWhatAnotherRankOfTheHostHasAllocated() {
    try (InProcessGroups ranks =
        InProcessGroups.create(
            Hosts.named(List.of("a", "a", "b")), InProcessGroups.TIMEOUT, Optional.empty())) {
      List<TensorBuffer> own = ranks.onEveryRank(g -> g.allocate(DType.INT64, 8));
      NativeMemory.view(own.get(1).address(), 64).putLong(24, 4711);
      TensorBuffer shown = ranks.group(0).shownBy(1, own.get(0).slice(3, 2)).orElseThrow();
      assertThat(shown.count()).isEqualTo(2);
      assertThat(NativeMemory.view(shown.address(), 16).getLong(0)).isEqualTo(4711);
      assertThat(ranks.group(0).shownBy(2, own.get(0))).as("of another host").isEmpty();
      try (NativeMemory.Block foreign = NativeMemory.allocate(8, 8)) {
        TensorBuffer other = foreign.buffer(DType.INT64, 1);
        assertThat(ranks.group(0).shownBy(1, other)).as("not of this group").isEmpty();
      }
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

  /** Each of those who wait has nothing yet of the other. */
  @Test
  void shouldNotBlameEachOtherForAnAllocationThatAThirdHasNotStarted() {
    try (InProcessGroups ranks = InProcessGroups.create(3, SHORT, Optional.empty())) {
      List<CompletableFuture<CollectiveException>> ends = new ArrayList<>();
      for (int rank = 0; rank < 2; rank++) {
        ProcessGroup group = ranks.group(rank);
        CompletableFuture<CollectiveException> end = new CompletableFuture<>();
        ends.add(end);
        // A thread each: the common pool may have but one.
        new Thread(
                () ->
                    end.complete(
                        catchThrowableOfType(
                            CollectiveException.class, () -> group.allocate(DType.UINT8, 64))),
                "allocating-rank")
            .start();
      }
      assertThat(ends)
          .allSatisfy(end -> assertThat(end.get(20, TimeUnit.SECONDS).suspectRank()).isEqualTo(2));
    }
  }

  /**
   * UNUSABLE with a rank's own number says that it has failed by itself: it was only late. (What
   * rank 0 waits for is no barrier: that would be complete for who starts it last.)
   */
  @Test
  void shouldSayWhatItIsAccusedOfToTheRankThatWasLate() {
    try (InProcessGroups ranks = InProcessGroups.create(2, SHORT, Optional.empty())) {
      Work awaited = ranks.group(0).receive(buffer(ranks, 1), 1, 0);
      assertThat(catchThrowableOfType(CollectiveException.class, awaited::await)).isNotNull();
      ProcessGroup late = ranks.group(1);
      CollectiveException first =
          catchThrowableOfType(CollectiveException.class, () -> late.barrier().await());
      CollectiveException next =
          catchThrowableOfType(CollectiveException.class, () -> late.barrier().await());
      for (CollectiveException e : Arrays.asList(first, next)) {
        assertThat(e).isNotNull();
        assertThat(e.reason()).as(e.getMessage()).isEqualTo(Cause.DEADLINE);
        assertThat(e.suspectRank()).isEqualTo(1);
      }
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
          .hasMessageContaining("cuda:");
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
