package dev.trireme.launcher.rank;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.api.checkpoint.CheckpointContent;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Device;
import dev.trireme.api.tensor.DeviceMemory;
import dev.trireme.api.tensor.NamedTensor;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.Shape;
import dev.trireme.api.tensor.TensorBuffer;
import dev.trireme.api.train.Progress;
import dev.trireme.checkpoint.CheckpointerConfig;
import dev.trireme.checkpoint.LocalCheckpointer;
import dev.trireme.checkpoint.storage.WriteBoundary;
import dev.trireme.protocol.RankReport;
import dev.trireme.worker.rank.AgentCheckpointGate;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A checkpoint's writer whose storage hangs for longer than its formation lasts. */
@Timeout(60)
class LateWriterTest {
  private final List<RankReport> reports = new CopyOnWriteArrayList<>();
  private final CompletableFuture<Thread> reached = new CompletableFuture<>();
  private final CountDownLatch storageIsBack = new CountDownLatch(1);

  private final Counting counting = new Counting();

  @TempDir Path directory;

  /** As a call of the operating system does that no interrupt ends. */
  private void hang(WriteBoundary boundary) throws IOException {
    if (boundary != WriteBoundary.SYNC_SHARD) {
      return;
    }
    reached.complete(Thread.currentThread());
    while (storageIsBack.getCount() > 0) {
      try {
        storageIsBack.await();
      } catch (InterruptedException e) {
        // Waits on.
      }
    }
    throw new IOException("the storage was away");
  }

  /** The host's memory, which knows what of it has not been given back. */
  private static final class Counting implements DeviceMemory {
    private final Set<Piece> held = ConcurrentHashMap.newKeySet();

    @Override
    public Piece allocate(Device device, DType dtype, long count) {
      Piece inner = HOST.allocate(device, dtype, count);
      Piece piece =
          new Piece() {
            @Override
            public TensorBuffer buffer() {
              return inner.buffer();
            }

            @Override
            public void close() {
              inner.close();
              giveBack(this);
            }
          };
      held.add(piece);
      return piece;
    }

    private synchronized void giveBack(Piece piece) {
      held.remove(piece);
      notifyAll();
    }

    /** Waits until all of it has been given back, or a deadline has passed. */
    synchronized void awaitAll(Duration most) throws InterruptedException {
      long until = System.nanoTime() + most.toNanos();
      for (long left = most.toMillis();
          !held.isEmpty() && left > 0;
          left = TimeUnit.NANOSECONDS.toMillis(until - System.nanoTime())) {
        wait(left);
      }
    }

    @Override
    public void copy(TensorBuffer from, TensorBuffer to) {
      HOST.copy(from, to);
    }

    @Override
    public void enqueueCopy(TensorBuffer from, TensorBuffer to) {
      HOST.enqueueCopy(from, to);
    }

    @Override
    public void enqueueZero(TensorBuffer buffer) {
      HOST.enqueueZero(buffer);
    }

    @Override
    public void synchronize(Device device) {
      HOST.synchronize(device);
    }
  }

  @Test
  void shouldNotBeHeardInTheNextFormation() throws Exception {
    AgentCheckpointGate gate = new AgentCheckpointGate(reports::add, step -> "step-" + step);
    try (NativeMemory.Block block = NativeMemory.allocate(64, 64)) {
      LocalCheckpointer checkpointer =
          LocalCheckpointer.open(
              new CheckpointerConfig(directory, 1, 2, 3, Duration.ofSeconds(30)),
              gate,
              this::hang,
              counting);
      NamedTensor weight =
          new NamedTensor("model.weight", Shape.of(16), block.buffer(DType.FLOAT32, 16));
      checkpointer.save(new CheckpointContent(3, Progress.START, 1, "name: a", List.of(weight)));
      Thread writer = reached.get(20, TimeUnit.SECONDS);
      checkpointer.close();
      assertThat(counting.held).as("it is still read").isNotEmpty();
      gate.leave();
      reports.add(new RankReport.Joined(4));

      storageIsBack.countDown();

      writer.join(20_000);
      assertThat(writer.isAlive()).isFalse();
      assertThat(reports).containsExactly(new RankReport.Joined(4));
      counting.awaitAll(Duration.ofSeconds(20));
      assertThat(counting.held).as("nothing of it is left").isEmpty();
    }
  }
}
