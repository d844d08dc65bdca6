package dev.trireme.worker.agent;

import io.aeron.driver.MediaDriver;
import io.aeron.driver.ThreadingMode;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.agrona.concurrent.BackoffIdleStrategy;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The host's media driver, inside the agent. One thread does all of its work, and sleeps for up to
 * a millisecond when there is none: it shares the host's cores with ranks that compute.
 */
final class HostDriver implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(HostDriver.class);

  // Spins and yields would be taken from a computing rank. The longest sleep bounds how late an IPC
  // publisher that has filled its window learns that there is room again; ranks send each other
  // signals of some bytes and move data through shared memory, so that windows stay almost empty.
  private static final long SHORTEST_SLEEP_NANOS = TimeUnit.MICROSECONDS.toNanos(20);
  private static final long LONGEST_SLEEP_NANOS = TimeUnit.MILLISECONDS.toNanos(4);

  /** Room for 8192 counters; a stream takes about four on each side. */
  private static final int COUNTERS_LENGTH = 1 << 20;

  /**
   * Three times the default: a client that is not scheduled for that long closes itself, and with
   * it its rank dies. The other side of it: what a dead client leaves stays for as long.
   */
  static final Duration CLIENT_LIVENESS = Duration.ofSeconds(30);

  private final MediaDriver driver;

  /**
   * Starts the driver; its directory is made here and deleted by {@link #close}.
   *
   * @param liveness how long a client may not be scheduled
   */
  HostDriver(Path directory, Duration liveness) {
    driver =
        MediaDriver.launch(
            new MediaDriver.Context()
                .aeronDirectoryName(directory.toString())
                .dirDeleteOnStart(true)
                .dirDeleteOnShutdown(true)
                .threadingMode(ThreadingMode.SHARED)
                .sharedIdleStrategy(
                    new BackoffIdleStrategy(0, 0, SHORTEST_SLEEP_NANOS, LONGEST_SLEEP_NANOS))
                .termBufferSparseFile(true)
                // Sparse logs are made in no time: a thread that waits for such work costs more.
                .asyncExecutorEnabled(false)
                // The defaults take 45 MiB of shared memory; a container may have 64 in all.
                .counterValuesBufferLength(COUNTERS_LENGTH)
                .clientLivenessTimeoutNs(liveness.toNanos())
                .publicationUnblockTimeoutNs(liveness.plusSeconds(5).toNanos())
                .errorHandler(e -> LOG.warn("the media driver: {}", e.toString())));
  }

  String directory() {
    return driver.aeronDirectoryName();
  }

  @Override
  public void close() {
    driver.close();
  }
}
