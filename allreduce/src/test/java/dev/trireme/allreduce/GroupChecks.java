package dev.trireme.allreduce;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.trireme.allreduce.inprocess.InProcessGroups;
import dev.trireme.allreduce.inprocess.RankGroups;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.CollectiveException.Cause;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.collective.Work;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What every kind of group promises: order, overlap, messages between two ranks, what can be asked
 * of an operation in flight, and the end. A subclass has the groups, and says where buffers lie.
 */
@Timeout(120)
public abstract class GroupChecks {
  private static final Duration SHORT = Duration.ofSeconds(1);
  private static final int LIMIT = 1024;

  private final Queue<NativeMemory.Block> blocks = new ConcurrentLinkedQueue<>();

  /** The groups of a new formation. */
  protected abstract RankGroups form(int worldSize, Duration timeout);

  /** Memory of the group's, into which the host can look; every rank asks for the same. */
  protected TensorBuffer allocate(ProcessGroup group, DType dtype, long count) {
    return group.allocate(dtype, count);
  }

  /** The same, not from the group where its users may have their own. */
  protected TensorBuffer own(ProcessGroup group, DType dtype, long count) {
    NativeMemory.Block block = NativeMemory.allocate(count * dtype.bytes(), 64);
    blocks.add(block);
    return block.buffer(dtype, count);
  }

  /** How many messages are sent where their order counts; even. */
  protected int messages() {
    return 200;
  }

  @AfterEach
  void free() {
    blocks.forEach(NativeMemory.Block::close);
  }

  private RankGroups form(int worldSize) {
    return form(worldSize, InProcessGroups.TIMEOUT);
  }

  private List<TensorBuffer> allocateOnAll(RankGroups ranks, DType dtype, long count) {
    return ranks.onEveryRank(group -> allocate(group, dtype, count));
  }

  @ParameterizedTest(name = "memory of the group''s: {0}")
  @ValueSource(booleans = {true, false})
  void shouldRunOperationsInTheOrderInWhichTheyWereStarted(boolean groups) {
    try (RankGroups ranks = form(3)) {
      List<double[]> results =
          ranks.onEveryRank(
              group -> {
                TensorBuffer buffer =
                    groups
                        ? allocate(group, DType.FLOAT64, 5_000)
                        : own(group, DType.FLOAT64, 5_000);
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
  void shouldKeepManyOperationsInFlight() {
    try (RankGroups ranks = form(2)) {
      ranks.onEveryRank(
          group -> {
            TensorBuffer buffer = allocate(group, DType.INT64, 1_000);
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
  void shouldRefuseMoreOperationsInFlightThanItCanHoldAndGoOnWithThose() {
    try (RankGroups ranks = form(2)) {
      List<TensorBuffer> few = allocateOnAll(ranks, DType.INT64, 3);
      List<Work> first = IntStream.range(0, LIMIT).mapToObj(i -> ranks.group(0).barrier()).toList();
      assertThatThrownBy(() -> ranks.group(0).allReduce(few.get(0), ReduceOp.SUM))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining(LIMIT + " operations are in flight");
      IntStream.range(0, LIMIT).forEach(i -> ranks.group(1).barrier());
      first.forEach(Work::await);
      // What was refused has left no trace: later sums are of the right elements.
      for (int round = 0; round < 3; round++) {
        List<double[]> sums =
            ranks.onEveryRank(
                group -> {
                  TestBuffers.fill(few.get(group.rank()), group.rank());
                  group.allReduce(few.get(group.rank()), ReduceOp.SUM).await();
                  return TestBuffers.read(few.get(group.rank()));
                });
        double[] expected = TestBuffers.expected(2, 3, DType.INT64, ReduceOp.SUM);
        assertThat(sums).allSatisfy(sum -> assertThat(sum).isEqualTo(expected));
      }
    }
  }

  @Test
  void shouldProgressWhileNobodyAwaits() {
    try (RankGroups ranks = form(2)) {
      ranks.onEveryRank(
          group -> {
            Work work = group.allReduce(allocate(group, DType.FLOAT32, 1 << 20), ReduceOp.SUM);
            CompletableFuture<Optional<CollectiveException>> end = new CompletableFuture<>();
            work.whenDone(end::complete);
            assertThat(end.get(20, TimeUnit.SECONDS)).isEmpty();
            assertThat(work.isDone()).isTrue();
            return null;
          });
    }
  }

  @Test
  void shouldBeUnusableOnceClosedHoweverOftenThatIs() {
    try (RankGroups ranks = form(2)) {
      List<TensorBuffer> buffers = allocateOnAll(ranks, DType.FLOAT32, 8);
      ranks.onEveryRank(
          group -> {
            group.barrier().await();
            return null;
          });
      ProcessGroup group = ranks.group(0);
      group.close();
      group.close();
      shouldBeClosed(group, buffers.get(0));
      group.abort("too late");
      group.label("nothing");
      shouldBeClosed(group, buffers.get(0));
      group.close();
    }
  }

  private static void shouldBeClosed(ProcessGroup group, TensorBuffer buffer) {
    for (ThrowingCallable use :
        List.<ThrowingCallable>of(
            group::requireUsable,
            group::barrier,
            () -> group.allReduce(buffer, ReduceOp.SUM),
            () -> group.send(buffer, 1, 0),
            () -> group.receive(buffer, 1, 0),
            () -> group.allocate(DType.FLOAT32, 1))) {
      assertThatThrownBy(use)
          .hasMessageContaining("closed")
          .isInstanceOfSatisfying(
              CollectiveException.class, e -> assertThat(e.reason()).isEqualTo(Cause.UNUSABLE));
    }
  }

  private int exchangeWhileACollectiveWaits(ProcessGroup group) {
    TensorBuffer buffer = own(group, DType.INT32, 20_000);
    if (group.rank() == 0) {
      TestBuffers.fill(buffer, 0);
      Work barrier = group.barrier();
      group.send(buffer, 1, 3).await();
      barrier.await();
    } else {
      // Only once the message is there does this rank start the barrier that rank 0 is in.
      NativeMemory.fill(buffer.address(), buffer.byteCount(), (byte) 0);
      group.receive(buffer, 0, 3).await();
      group.barrier().await();
    }
    return TestBuffers.bits(buffer);
  }

  @Test
  void shouldBringAMessageWhileACollectiveIsWaiting() {
    try (RankGroups ranks = form(2)) {
      List<Integer> bits = ranks.onEveryRank(this::exchangeWhileACollectiveWaits);
      assertThat(bits.get(1)).isEqualTo(bits.get(0));
    }
  }

  @Test
  void shouldBringMessagesInOrderWithinATag() {
    int count = messages();
    try (RankGroups ranks = form(2)) {
      ranks.onEveryRank(
          group -> {
            TensorBuffer all = allocate(group, DType.INT64, count);
            List<Work> works = new ArrayList<>();
            for (int i = 0; i < count; i++) {
              TensorBuffer one = all.slice(i, 1);
              if (group.rank() == 0) {
                NativeMemory.view(one.address(), 8).putLong(0, i);
                works.add(group.send(one, 1, i % 2));
              } else {
                // The odd ones first.
                int wanted = i < count / 2 ? 2 * i + 1 : 2 * i - count;
                works.add(group.receive(all.slice(wanted, 1), 0, wanted % 2));
              }
            }
            works.forEach(Work::await);
            double[] inOrder = IntStream.range(0, count).asDoubleStream().toArray();
            assertThat(TestBuffers.read(all)).isEqualTo(inOrder);
            return null;
          });
    }
  }

  @Test
  void shouldFailTheGroupWhereCountsOfAMessageDiffer() {
    try (RankGroups ranks = form(2)) {
      List<TensorBuffer> buffers = allocateOnAll(ranks, DType.FLOAT32, 8);
      Work sent = ranks.group(0).send(buffers.get(0), 1, 0);
      CollectiveException e =
          catchThrowableOfType(
              CollectiveException.class,
              () -> ranks.group(1).receive(buffers.get(1).slice(0, 7), 0, 0).await());
      assertThat(e.reason()).isEqualTo(Cause.MISMATCH);
      assertThat(e)
          .hasMessageContaining("of 7 FLOAT32")
          .hasMessageContaining("sent a message of 8 FLOAT32");
      assertThatThrownBy(sent::await).hasMessageContaining("sent a message of 8 FLOAT32");
      for (int rank = 0; rank < 2; rank++) {
        assertThatThrownBy(ranks.group(rank)::barrier)
            .hasMessageContaining("sent a message of 8 FLOAT32")
            .isInstanceOfSatisfying(
                CollectiveException.class,
                each -> assertThat(each.reason()).isEqualTo(Cause.UNUSABLE));
      }
    }
  }

  @Test
  void shouldGiveUpAMessageAtItsDeadlineAndSayWhoDidNotSend() {
    try (RankGroups ranks = form(3, SHORT)) {
      TensorBuffer buffer = allocateOnAll(ranks, DType.FLOAT32, 8).get(0);
      Work work = ranks.group(0).receive(buffer, 2, 9);
      CollectiveException e = catchThrowableOfType(CollectiveException.class, work::await);
      assertThat(e.reason()).isEqualTo(Cause.DEADLINE);
      assertThat(e.suspectRank()).isEqualTo(2);
      assertThat(e)
          .hasMessageContaining("deadline of 1000 ms")
          .hasMessageContaining("receive from rank 2 with tag 9 of 8 FLOAT32")
          .hasMessageContaining("0 of 32 bytes done");
    }
  }

  @Test
  void shouldBePatientForAsLongAsItIsTold() {
    try (RankGroups ranks = form(2, SHORT)) {
      ranks.group(0).patience(Duration.ofSeconds(50));
      Work barrier = ranks.group(0).barrier();
      assertThat(barrier.await(SHORT.multipliedBy(2))).isFalse();
      ranks.group(1).barrier();
      assertThat(barrier.await(Duration.ofSeconds(20))).isTrue();
      ranks.group(0).patience(Duration.ZERO);
      CollectiveException e =
          catchThrowableOfType(CollectiveException.class, () -> ranks.group(0).barrier().await());
      assertThat(e.reason()).isEqualTo(Cause.DEADLINE);
      assertThat(e).hasMessageContaining("deadline of 1000 ms");
    }
  }

  @Test
  void shouldRefuseToSendToItself() {
    try (RankGroups ranks = form(2)) {
      TensorBuffer none = TensorBuffer.cpu(0, DType.UINT8, 0);
      assertThatThrownBy(() -> ranks.group(0).send(none, 0, 0))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("which is this very rank");
      assertThatThrownBy(() -> ranks.group(0).receive(none, 2, 0))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("expected 0 to 1");
    }
  }

  @Test
  void shouldStayInFlightWhenAWaitRunsOutOfTime() {
    try (RankGroups ranks = form(2)) {
      List<TensorBuffer> buffers = allocateOnAll(ranks, DType.FLOAT32, 8);
      TestBuffers.fill(buffers.get(1), 1);
      Work barrier = ranks.group(0).barrier();
      Work message = ranks.group(0).receive(buffers.get(0), 1, 5);
      for (Work work : List.of(barrier, message)) {
        assertThat(work.await(Duration.ZERO)).isFalse();
        assertThat(work.await(Duration.ofMillis(20))).isFalse();
        assertThat(work.isDone()).isFalse();
      }
      ranks.group(1).barrier();
      ranks.group(1).send(buffers.get(1), 0, 5);
      assertThat(message.await(Duration.ofSeconds(20))).isTrue();
      assertThat(TestBuffers.bits(buffers.get(0))).isEqualTo(TestBuffers.bits(buffers.get(1)));
      assertThat(barrier.await(Duration.ofSeconds(20))).isTrue();
    }
  }

  @Test
  void shouldCallBackOnceAnOperationHasEnded() throws Exception {
    try (RankGroups ranks = form(2)) {
      List<TensorBuffer> buffers = allocateOnAll(ranks, DType.FLOAT32, 8);
      TestBuffers.fill(buffers.get(1), 1);
      Work barrier = ranks.group(0).barrier();
      Work message = ranks.group(0).receive(buffers.get(0), 1, 5);
      CompletableFuture<Optional<CollectiveException>> good = new CompletableFuture<>();
      barrier.whenDone(good::complete);
      // What was received is there when the callback is called.
      CompletableFuture<Integer> received = new CompletableFuture<>();
      message.whenDone(end -> received.complete(TestBuffers.bits(buffers.get(0))));
      ranks.group(1).barrier();
      ranks.group(1).send(buffers.get(1), 0, 5);
      assertThat(good.get(20, TimeUnit.SECONDS)).isEmpty();
      assertThat(received.get(20, TimeUnit.SECONDS)).isEqualTo(TestBuffers.bits(buffers.get(1)));
      for (Work work : List.of(barrier, message)) {
        CompletableFuture<Optional<CollectiveException>> late = new CompletableFuture<>();
        work.whenDone(late::complete);
        assertThat(late).isCompletedWithValue(Optional.empty());
      }
      List<Work> aborted =
          List.of(ranks.group(0).barrier(), ranks.group(0).receive(buffers.get(0), 1, 6));
      List<CompletableFuture<Optional<CollectiveException>>> ends = new ArrayList<>();
      for (Work work : aborted) {
        CompletableFuture<Optional<CollectiveException>> bad = new CompletableFuture<>();
        work.whenDone(bad::complete);
        ends.add(bad);
      }
      ranks.group(0).abort("a test");
      for (int i = 0; i < ends.size(); i++) {
        assertThat(ends.get(i).get(20, TimeUnit.SECONDS)).hasValueSatisfying(GroupChecks::aborted);
        CompletableFuture<Optional<CollectiveException>> late = new CompletableFuture<>();
        aborted.get(i).whenDone(late::complete);
        assertThat(late.getNow(Optional.empty())).hasValueSatisfying(GroupChecks::aborted);
      }
    }
  }

  private static void aborted(CollectiveException e) {
    assertThat(e.reason()).isEqualTo(Cause.ABORTED);
    assertThat(e).hasMessageContaining("a test");
  }
}
