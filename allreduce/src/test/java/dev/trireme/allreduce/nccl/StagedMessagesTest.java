package dev.trireme.allreduce.nccl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.allreduce.TestBuffers;
import dev.trireme.allreduce.inprocess.InProcessGroups;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.CollectiveException.Cause;
import dev.trireme.api.collective.Work;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Device;
import dev.trireme.api.tensor.DeviceMemory;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Messages from and to a device whose copies are slow, or fail. */
@Timeout(60)
class StagedMessagesTest {
  private static final Device DEVICE = new Device(Device.Kind.CUDA, 0);
  private static final int COUNT = 1000;

  /** A device that is a stretch of the host's memory; counts what has not been freed. */
  private static final class SlowMemory implements DeviceMemory {
    private final AtomicInteger open = new AtomicInteger();
    private Runnable beforeCopy = () -> {};

    @Override
    public Piece allocate(Device device, DType dtype, long count) {
      NativeMemory.Block block = NativeMemory.allocate(count * dtype.bytes(), 64);
      TensorBuffer buffer = new TensorBuffer(block.address(), dtype, count, device);
      open.incrementAndGet();
      return new Piece() {
        @Override
        public TensorBuffer buffer() {
          return buffer;
        }

        @Override
        public void close() {
          block.close();
          open.decrementAndGet();
        }
      };
    }

    @Override
    public void copy(TensorBuffer from, TensorBuffer to) {
      beforeCopy.run();
      NativeMemory.copy(from.address(), to.address(), from.byteCount());
    }

    @Override
    public void enqueueCopy(TensorBuffer from, TensorBuffer to) {
      throw new UnsupportedOperationException();
    }

    @Override
    public void enqueueZero(TensorBuffer buffer) {
      throw new UnsupportedOperationException();
    }

    @Override
    public void synchronize(Device device) {
      throw new UnsupportedOperationException();
    }
  }

  private final SlowMemory memory = new SlowMemory();
  private InProcessGroups ranks;
  private DeviceMemory.Piece target;
  private NativeMemory.Block sent;

  @BeforeEach
  void meet() {
    ranks = InProcessGroups.create(2);
    target = memory.allocate(DEVICE, DType.FLOAT32, COUNT);
    sent = NativeMemory.allocate(4 * COUNT, 64);
    TestBuffers.fill(source(), 1);
  }

  @AfterEach
  void part() {
    ranks.close();
    target.close();
    sent.close();
    assertThat(memory.open).as("pieces that were not freed").hasValue(0);
  }

  private TensorBuffer source() {
    return sent.buffer(DType.FLOAT32, COUNT);
  }

  private Work receive() {
    return StagedMessages.receive(ranks.group(0), memory, target.buffer(), 1, 3);
  }

  @Test
  void shouldBeDoneOnlyOnceTheCopyIsForWhoeverAsks() throws Exception {
    CountDownLatch copying = new CountDownLatch(1);
    CountDownLatch goOn = new CountDownLatch(1);
    memory.beforeCopy =
        () -> {
          copying.countDown();
          await(goOn);
        };
    Work work = receive();
    CompletableFuture<Integer> early = new CompletableFuture<>();
    CompletableFuture<Integer> late = new CompletableFuture<>();
    work.whenDone(end -> early.complete(TestBuffers.bits(target.buffer())));
    ranks.group(1).send(source(), 0, 3);
    await(copying);
    work.whenDone(end -> late.complete(TestBuffers.bits(target.buffer())));
    assertThat(work.isDone()).isFalse();
    assertThat(work.await(Duration.ofMillis(20))).isFalse();
    assertThat(early).isNotDone();
    assertThat(late).isNotDone();
    goOn.countDown();
    work.await();
    assertThat(work.isDone()).isTrue();
    int bits = TestBuffers.bits(source());
    assertThat(early.get(20, TimeUnit.SECONDS)).isEqualTo(bits);
    assertThat(late.get(20, TimeUnit.SECONDS)).isEqualTo(bits);
  }

  private static void await(CountDownLatch latch) {
    try {
      assertThat(latch.await(20, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void shouldFailWhereTheMessageHasComeButTheDeviceDoesNotTakeIt() throws Exception {
    memory.beforeCopy =
        () -> {
          throw new IllegalStateException("cuda:0 has failed");
        };
    Work work = receive();
    CompletableFuture<Optional<CollectiveException>> early = new CompletableFuture<>();
    work.whenDone(early::complete);
    ranks.group(1).send(source(), 0, 3);
    assertThatThrownBy(work::await)
        .hasMessageContainingAll("rank 1", "tag 3", "cuda:0 has failed")
        .isInstanceOfSatisfying(
            CollectiveException.class, e -> assertThat(e.reason()).isEqualTo(Cause.UNUSABLE));
    assertThat(early.get(20, TimeUnit.SECONDS)).isPresent();
    CompletableFuture<Optional<CollectiveException>> late = new CompletableFuture<>();
    work.whenDone(late::complete);
    assertThat(late.getNow(Optional.empty())).isPresent();
    assertThatThrownBy(() -> work.await(Duration.ZERO)).hasMessageContaining("cuda:0 has failed");
    assertThatThrownBy(ranks.group(0)::requireUsable).hasMessageContaining("cuda:0 has failed");
  }

  @Test
  void shouldFreeWhatItTookForAMessageThatCannotBeStarted() {
    memory.beforeCopy =
        () -> {
          throw new IllegalStateException("cuda:0 has failed");
        };
    assertThatThrownBy(() -> StagedMessages.send(ranks.group(0), memory, target.buffer(), 1, 3))
        .hasMessageContaining("cuda:0 has failed");
    memory.beforeCopy = () -> {};
    ranks.group(0).abort("a test");
    assertThatThrownBy(() -> StagedMessages.send(ranks.group(0), memory, target.buffer(), 1, 3))
        .hasMessageContaining("a test");
    assertThatThrownBy(this::receive).hasMessageContaining("a test");
    assertThat(memory.open).as("besides the target").hasValue(1);
  }
}
