package dev.trireme.launcher.rank;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.api.checkpoint.CheckpointContent;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.DeviceMemory;
import dev.trireme.api.tensor.NamedTensor;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.Shape;
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
import java.util.concurrent.CompletableFuture;
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

  @Test
  void shouldNotBeHeardInTheNextFormation() throws Exception {
    AgentCheckpointGate gate = new AgentCheckpointGate(reports::add, step -> "step-" + step);
    try (NativeMemory.Block block = NativeMemory.allocate(64, 64)) {
      LocalCheckpointer checkpointer =
          LocalCheckpointer.open(
              new CheckpointerConfig(directory, 1, 2, 3, Duration.ofSeconds(30)),
              gate,
              this::hang,
              DeviceMemory.HOST);
      NamedTensor weight =
          new NamedTensor("model.weight", Shape.of(16), block.buffer(DType.FLOAT32, 16));
      checkpointer.save(new CheckpointContent(3, Progress.START, 1, "name: a", List.of(weight)));
      Thread writer = reached.get(20, TimeUnit.SECONDS);
      checkpointer.close();
      gate.leave();
      reports.add(new RankReport.Joined(4));

      storageIsBack.countDown();

      writer.join(20_000);
      assertThat(writer.isAlive()).isFalse();
      assertThat(reports).containsExactly(new RankReport.Joined(4));
    }
  }
}
