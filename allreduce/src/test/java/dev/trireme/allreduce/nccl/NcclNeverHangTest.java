package dev.trireme.allreduce.nccl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.trireme.allreduce.TestBuffers;
import dev.trireme.allreduce.group.RecordedOperation;
import dev.trireme.allreduce.group.RecordedOperation.State;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.CollectiveException.Cause;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.collective.Work;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Device;
import dev.trireme.api.tensor.TensorBuffer;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What a group over NCCL says and remembers when it ends, and that nobody gets a part of a result.
 * Unlike the group over Aeron it learns of a peer's end through its companion or from outside only,
 * and NCCL does not say how far an operation has come.
 */
@Timeout(60)
class NcclNeverHangTest {
  private static final Duration SOON = Duration.ofSeconds(2);

  @AfterEach
  void mend() {
    Standins.load();
  }

  private static void awaitUntil(String what, BooleanSupplier holds) {
    long limit = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    while (!holds.getAsBoolean()) {
      assertThat(System.nanoTime()).as(what).isLessThan(limit);
      Thread.onSpinWait();
    }
  }

  @Test
  void shouldRememberTheLastOperationsAndWhichOfThemIsStuck() {
    try (NcclGroups ranks = NcclGroups.create(2)) {
      ranks.onEveryRank(
          group -> {
            group.label("bucket 1 of 2");
            group.allReduce(NcclGroups.onDevice(group, DType.FLOAT32, 5_000), ReduceOp.SUM).await();
            group.label("bucket 2 of 2");
            return null;
          });
      NcclProcessGroup group = ranks.group(0);
      Standins.faults("hang 0 0\n");
      Work stuck = group.allReduce(group.allocate(DType.FLOAT32, 5_000), ReduceOp.MAX);
      group.barrier();
      awaitUntil(
          "both are with NCCL", () -> group.recentOperations().get(2).state() == State.RUNNING);
      RecordedOperation well = group.recentOperations().get(0);
      assertThat(well.state()).isEqualTo(State.DONE);
      assertThat(well.what()).isEqualTo("all-reduce (sum) of 5000 FLOAT32");
      assertThat(well.label()).isEqualTo("bucket 1 of 2");
      assertThat(well.bytes()).isEqualTo(20_000);
      assertThat(well.begun()).isBetween(well.enqueued(), well.ended());
      RecordedOperation running = group.recentOperations().get(1);
      assertThat(running.state()).isEqualTo(State.RUNNING);
      assertThat(running.begun()).isGreaterThanOrEqualTo(running.enqueued());
      assertThat(running.ended()).isNegative();
      group.abort("a test");
      assertThatThrownBy(stuck::await)
          .hasMessageContaining(
              "operation 2, all-reduce (max) of 5000 FLOAT32 for bucket 2 of 2, 0 of 20000 bytes"
                  + " known to be done");
      group.close();
      List<RecordedOperation> recorded = group.recentOperations();
      assertThat(recorded).extracting(RecordedOperation::number).containsExactly(1L, 2L, 3L);
      assertThat(recorded)
          .extracting(RecordedOperation::state)
          .containsExactly(State.DONE, State.FAILED, State.FAILED);
      assertThat(recorded.get(1).ended()).isGreaterThanOrEqualTo(recorded.get(1).begun());
      assertThat(recorded.get(2).what()).isEqualTo("barrier");
    }
  }

  @Test
  void shouldForgetTheOldestOperations() {
    try (NcclGroups ranks = NcclGroups.create(1)) {
      for (int i = 0; i < 300; i++) {
        ranks.group(0).barrier().await();
      }
      List<RecordedOperation> recorded = ranks.group(0).recentOperations();
      assertThat(recorded).hasSize(256).allMatch(each -> each.state() == State.DONE);
      assertThat(recorded.get(255).number()).isEqualTo(300);
    }
  }

  /** Four pieces of the stand-in's: rank 1 has its part in the first only, and gives up. */
  @ParameterizedTest(name = "buffer on the device: {0}")
  @ValueSource(booleans = {false, true})
  void shouldHandOutNoPartOfAResult(boolean onDevice) {
    int count = 64 << 10;
    try (NcclGroups ranks = NcclGroups.create(2)) {
      NcclProcessGroup group = ranks.group(0);
      TensorBuffer buffer =
          onDevice
              ? NcclGroups.onDevice(group, DType.FLOAT32, count)
              : group.allocate(DType.FLOAT32, count);
      TensorBuffer theirs = NcclGroups.onDevice(ranks.group(1), DType.FLOAT32, count);
      TestBuffers.fill(buffer, 0);
      TestBuffers.fill(theirs, 1);
      double[] before = TestBuffers.read(buffer);
      double[] sums = TestBuffers.expected(2, count, DType.FLOAT32, ReduceOp.SUM);
      Standins.faults("part 1 1\n");
      Work left = group.allReduce(buffer, ReduceOp.SUM);
      ranks.group(1).allReduce(theirs, ReduceOp.SUM);
      awaitUntil("the first piece is there", () -> TestBuffers.read(theirs)[9] == sums[9]);
      ranks.group(1).abort("it dies");
      assertThat(left.await(Duration.ofMillis(50))).isFalse();
      group.abort("rank 1 has died");
      CollectiveException e = catchThrowableOfType(CollectiveException.class, left::await);
      assertThat(e.reason()).isEqualTo(Cause.ABORTED);
      if (onDevice) {
        // There, what has been done can be seen; that it is of no use is said by the exception.
        assertThat(TestBuffers.read(buffer)[9]).isEqualTo(sums[9]);
        assertThat(TestBuffers.read(buffer)[count - 1]).isEqualTo(before[count - 1]);
      } else {
        assertThat(TestBuffers.read(buffer)).as("the user's again").isEqualTo(before);
      }
    }
  }

  @Test
  void shouldStartNothingOnceAPeerHasGivenUp() {
    try (NcclGroups ranks = NcclGroups.create(2)) {
      NcclProcessGroup group = ranks.group(0);
      TensorBuffer buffer = NcclGroups.onDevice(group, DType.FLOAT32, 5_000);
      ranks.group(1).abort("a test");
      awaitUntil("the companion has told it", () -> !isUsable(group));
      assertThatThrownBy(() -> group.broadcast(buffer, 1))
          .hasMessageContainingAll("rank 1 gave the group up", "a test")
          .isInstanceOfSatisfying(
              CollectiveException.class, e -> assertThat(e.reason()).isEqualTo(Cause.UNUSABLE));
      assertThat(group.recentOperations()).isEmpty();
    }
  }

  private static boolean isUsable(ProcessGroup group) {
    try {
      group.requireUsable();
      return true;
    } catch (CollectiveException e) {
      return false;
    }
  }

  @Test
  void shouldEndAnAllReduceOfALargeBufferThatIsAborted() throws Exception {
    try (NcclGroups ranks = NcclGroups.create(2)) {
      List<TensorBuffer> buffers =
          ranks.onEveryRank(group -> NcclGroups.onDevice(group, DType.FLOAT64, 2 << 20));
      AtomicLong abortedAt = new AtomicLong();
      Thread aborter =
          new Thread(
              () -> {
                try {
                  awaitRunning(ranks.group(0));
                } finally {
                  abortedAt.set(System.nanoTime());
                  // Of both, as their agents do; in any case, since else they go on for ever.
                  ranks.group(0).abort("enough");
                  ranks.group(1).abort("enough");
                }
              });
      aborter.start();
      List<Duration> times =
          ranks.onEveryRank(
              group -> {
                assertThatThrownBy(
                        () -> {
                          while (true) {
                            group.allReduce(buffers.get(group.rank()), ReduceOp.SUM).await();
                          }
                        })
                    .isInstanceOf(CollectiveException.class)
                    .hasMessageContaining("enough");
                return Duration.ofNanos(System.nanoTime() - abortedAt.get());
              });
      System.out.printf(
          "NCCL: out of an all-reduce of 16 MiB %.1f and %.1f ms after the abort%n",
          times.get(0).toNanos() / 1e6, times.get(1).toNanos() / 1e6);
      assertThat(times).allSatisfy(time -> assertThat(time).isLessThan(SOON));
      aborter.join(SOON.toMillis());
    }
  }

  private static void awaitRunning(NcclProcessGroup group) {
    awaitUntil(
        "it runs",
        () -> group.recentOperations().stream().anyMatch(each -> each.state() == State.RUNNING));
  }

  @Test
  void shouldStartNothingThatItRefuses() {
    try (NcclGroups ranks = NcclGroups.create(2)) {
      ranks.onEveryRank(
          group -> {
            TensorBuffer buffer = group.allocate(DType.FLOAT32, 10);
            TensorBuffer elsewhere =
                new TensorBuffer(64, DType.FLOAT32, 8, new Device(Device.Kind.CUDA, 7));
            assertThatThrownBy(() -> group.broadcast(buffer, 2))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("rank 2");
            assertThatThrownBy(() -> group.allReduce(elsewhere, ReduceOp.SUM))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("cuda:7");
            assertThatThrownBy(() -> group.allGather(buffer.slice(0, 4), buffer.slice(4, 4)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("expected 1 n and 2 n");
            group.barrier().await();
            assertThat(((NcclProcessGroup) group).recentOperations()).hasSize(1);
            return null;
          });
    }
  }
}
