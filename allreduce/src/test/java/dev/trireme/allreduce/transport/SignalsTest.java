package dev.trireme.allreduce.transport;

import static org.assertj.core.api.Assertions.assertThat;

import io.aeron.Aeron;
import io.aeron.ExclusivePublication;
import io.aeron.driver.MediaDriver;
import io.aeron.driver.ThreadingMode;
import java.nio.file.Path;
import java.time.Duration;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Signals over a stream of Aeron's. */
class SignalsTest {
  private static final long DEADLINE_NANOS = Duration.ofSeconds(20).toNanos();
  private static final int STREAM = 1;
  private static final int SIGNAL_BYTES = 64;

  @TempDir Path directory;

  private static void until(BooleanSupplier done) {
    long start = System.nanoTime();
    while (!done.getAsBoolean()) {
      assertThat(System.nanoTime() - start).isLessThan(DEADLINE_NANOS);
      Thread.onSpinWait();
    }
  }

  /** A caller that is told so tries again; but what it does meanwhile should not depend on it. */
  @Test
  void shouldNotRefuseASignalBecauseATermHasJustEnded() {
    MediaDriver.Context context =
        new MediaDriver.Context()
            .aeronDirectoryName(directory.resolve("aeron").toString())
            .threadingMode(ThreadingMode.SHARED)
            .termBufferSparseFile(true)
            .dirDeleteOnShutdown(true);
    try (MediaDriver driver = MediaDriver.launch(context);
        Aeron aeron =
            Aeron.connect(new Aeron.Context().aeronDirectoryName(driver.aeronDirectoryName()))) {
      Signals from = new Signals(4711, 2, why -> {});
      Signals to = new Signals(4711, 2, why -> {});
      ExclusivePublication out = aeron.addExclusivePublication(Channels.IPC, STREAM);
      from.add(1, out, null);
      to.add(0, null, aeron.addSubscription(Channels.IPC, STREAM));
      until(out::isConnected);
      long[] heard = new long[1];
      int count = 3 * Channels.IPC_TERM / SIGNAL_BYTES;
      for (int i = 1; i <= count; i++) {
        // The driver sees with a delay what was read; that is no room, for good reasons.
        until(() -> out.availableWindow() >= 2 * SIGNAL_BYTES);
        assertThat(from.send(1, SignalKind.STAGE, i, 0, 0, "")).as("signal %d", i).isTrue();
        int last = i;
        until(
            () -> {
              to.poll((rank, kind, operation, first, second, text) -> heard[0] = operation);
              return heard[0] == last;
            });
      }
    }
  }
}
