package dev.trireme.allreduce;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.trireme.allreduce.inprocess.InProcessGroups;
import dev.trireme.allreduce.plan.Hosts;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.CollectiveException.Cause;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.collective.Work;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Messages between two ranks, and what can be asked of any operation in flight. */
class MessagesTest {
  private static final Duration SHORT = Duration.ofMillis(500);

  private static InProcessGroups ranks(String hosts, Duration timeout) {
    return InProcessGroups.create(
        Hosts.named(hosts.chars().mapToObj(Integer::toString).toList()), timeout, Optional.empty());
  }

  private static int exchangeWhileACollectiveWaits(ProcessGroup group) {
    try (NativeMemory.Block block = NativeMemory.allocate(80_000, 64)) {
      TensorBuffer buffer = block.buffer(DType.INT32, 20_000);
      TestBuffers.fill(buffer, 0);
      if (group.rank() == 0) {
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
  }

  @ParameterizedTest(name = "hosts {0}")
  @ValueSource(strings = {"aa", "ab"})
  void shouldArriveWhileACollectiveIsWaiting(String hosts) {
    try (InProcessGroups ranks = ranks(hosts, InProcessGroups.TIMEOUT)) {
      List<Integer> bits = ranks.onEveryRank(MessagesTest::exchangeWhileACollectiveWaits);
      assertThat(bits.get(1)).isEqualTo(bits.get(0));
    }
  }

  @ParameterizedTest(name = "hosts {0}")
  @ValueSource(strings = {"aa", "ab"})
  void shouldArriveInOrderWithinATag(String hosts) {
    try (InProcessGroups ranks = ranks(hosts, InProcessGroups.TIMEOUT)) {
      ranks.onEveryRank(
          group -> {
            TensorBuffer all = group.allocate(DType.INT64, 200);
            List<Work> works = new ArrayList<>();
            for (int i = 0; i < 200; i++) {
              TensorBuffer one = all.slice(i, 1);
              if (group.rank() == 0) {
                NativeMemory.view(one.address(), 8).putLong(0, i);
                works.add(group.send(one, 1, i % 2));
              } else {
                // The odd ones first.
                int wanted = i < 100 ? 2 * i + 1 : 2 * (i - 100);
                works.add(group.receive(all.slice(wanted, 1), 0, wanted % 2));
              }
            }
            works.forEach(Work::await);
            double[] values = TestBuffers.read(all);
            for (int i = 0; i < 200; i++) {
              assertThat(values[i]).isEqualTo(i);
            }
            return null;
          });
    }
  }

  @Test
  void shouldFailTheGroupWhereCountsDiffer() {
    try (InProcessGroups ranks = ranks("aa", InProcessGroups.TIMEOUT)) {
      TensorBuffer buffer = ranks.onEveryRank(g -> g.allocate(DType.FLOAT32, 8)).get(0);
      ranks.group(0).send(buffer, 1, 0);
      CollectiveException e =
          catchThrowableOfType(
              CollectiveException.class,
              () -> ranks.group(1).receive(buffer.slice(0, 7), 0, 0).await());
      assertThat(e.reason()).isEqualTo(Cause.MISMATCH);
      assertThat(e)
          .hasMessageContaining("of 7 FLOAT32")
          .hasMessageContaining("sent a message of 8 FLOAT32");
    }
  }

  @Test
  void shouldGiveUpAtTheDeadlineAndSayWhoDidNotSend() {
    try (InProcessGroups ranks = ranks("aab", SHORT)) {
      TensorBuffer buffer = ranks.onEveryRank(g -> g.allocate(DType.FLOAT32, 8)).get(0);
      Work work = ranks.group(0).receive(buffer, 2, 9);
      CollectiveException e = catchThrowableOfType(CollectiveException.class, work::await);
      assertThat(e.reason()).isEqualTo(Cause.DEADLINE);
      assertThat(e.suspectRank()).isEqualTo(2);
      assertThat(e)
          .hasMessageContaining("receive from rank 2 with tag 9 of 8 FLOAT32")
          .hasMessageContaining("0 of 32 bytes done");
    }
  }

  @Test
  void shouldShowWhatAnotherRankOfTheHostHasAllocated() {
    try (InProcessGroups ranks = ranks("aab", InProcessGroups.TIMEOUT)) {
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
  void shouldRefuseToSendToItself() {
    try (InProcessGroups ranks = ranks("aa", SHORT)) {
      TensorBuffer none = TensorBuffer.cpu(0, DType.UINT8, 0);
      assertThatThrownBy(() -> ranks.group(0).send(none, 0, 0))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("this very rank");
      assertThatThrownBy(() -> ranks.group(0).receive(none, 2, 0))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("expected 0 to 1");
    }
  }

  @Test
  void shouldStayInFlightWhenAWaitRunsOutOfTime() {
    try (InProcessGroups ranks = ranks("aa", InProcessGroups.TIMEOUT)) {
      Work barrier = ranks.group(0).barrier();
      assertThat(barrier.await(Duration.ZERO)).isFalse();
      assertThat(barrier.await(Duration.ofMillis(20))).isFalse();
      ranks.group(1).barrier();
      assertThat(barrier.await(Duration.ofSeconds(20))).isTrue();
    }
  }

  @Test
  void shouldCallBackOnceAnOperationHasEnded() throws Exception {
    try (InProcessGroups ranks = ranks("aa", InProcessGroups.TIMEOUT)) {
      Work barrier = ranks.group(0).barrier();
      CompletableFuture<Optional<CollectiveException>> good = new CompletableFuture<>();
      barrier.whenDone(good::complete);
      ranks.group(1).barrier();
      assertThat(good.get(20, TimeUnit.SECONDS)).isEmpty();
      CompletableFuture<Optional<CollectiveException>> late = new CompletableFuture<>();
      barrier.whenDone(late::complete);
      assertThat(late).isCompletedWithValue(Optional.empty());
      CompletableFuture<Optional<CollectiveException>> bad = new CompletableFuture<>();
      ranks.group(0).barrier().whenDone(bad::complete);
      ranks.group(0).abort("a test");
      assertThat(bad.get(20, TimeUnit.SECONDS))
          .hasValueSatisfying(e -> assertThat(e.reason()).isEqualTo(Cause.ABORTED));
    }
  }
}
