package dev.trireme.allreduce.transport;

import dev.trireme.allreduce.AbortSwitch;
import dev.trireme.allreduce.GroupConfig;
import io.aeron.Aeron;
import io.aeron.exceptions.AeronException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.agrona.concurrent.ringbuffer.RingBuffer;

/**
 * A rank's connection to the media driver of its host, and what is known of that driver's health.
 *
 * <p>Threading: one thread at a time; Aeron's own may report that the connection is gone.
 */
final class Lifeline implements AutoCloseable {
  /**
   * A driver that gives no sign of life for so long is dead; its agent may well pause for seconds.
   */
  static final long DRIVER_MILLIS = 5_000;

  /** The driver gives a sign of life every second; one that does not is stopped or starved. */
  private static final long DRIVER_SILENT_MILLIS = 2_500;

  /**
   * When the driver has gone or has given this client up, Aeron's own thread unmaps the logs; who
   * is just writing to one must be out of it by then.
   */
  private static final long CLOSE_LINGER_NANOS = TimeUnit.MILLISECONDS.toNanos(50);

  private static final long CLOSED_NANOS = TimeUnit.MILLISECONDS.toNanos(200);

  private final Path directory;
  private final Aeron aeron;
  private final AtomicReference<String> broken;
  private final RingBuffer signOfLife;
  private String closed = "";
  private long closedNanos;

  private Lifeline(Path directory, Aeron aeron, AtomicReference<String> broken) {
    this.directory = directory;
    this.aeron = aeron;
    this.broken = broken;
    this.signOfLife = aeron.context().toDriverBuffer();
  }

  /**
   * Connects; blocks until the driver answers, {@value #DRIVER_MILLIS} ms at most.
   *
   * @throws dev.trireme.api.collective.CollectiveException when it does not, or on an abort
   */
  static Lifeline connect(GroupConfig config, AbortSwitch abort) {
    AtomicReference<String> broken = new AtomicReference<>();
    Path directory = config.aeronDirectory();
    Aeron.Context context =
        new Aeron.Context()
            .aeronDirectoryName(directory.toString())
            .driverTimeoutMs(DRIVER_MILLIS)
            .closeLingerDurationNs(CLOSE_LINGER_NANOS)
            // Aeron's own handler ends the JVM when the driver dies.
            .errorHandler(error -> broken.compareAndSet(null, describe(directory, error)));
    Meeting.awaitDriver(config, abort, DRIVER_MILLIS);
    try {
      return new Lifeline(directory, Aeron.connect(context), broken);
    } catch (AeronException e) {
      throw abort.reason().isPresent()
          ? Meeting.aborted(config, abort)
          : Meeting.noDriver(config, e);
    }
  }

  Aeron aeron() {
    return aeron;
  }

  /** As {@link Transport#ailment}. */
  Optional<String> ailment() {
    // First: a client that was closed by Aeron has no memory behind it soon.
    if (aeron.isClosed()) {
      return Optional.empty();
    }
    long silent = System.currentTimeMillis() - signOfLife.consumerHeartbeatTime();
    return silent < DRIVER_SILENT_MILLIS
        ? Optional.empty()
        : Optional.of(
            "the media driver at "
                + directory
                + " has given no sign of life for "
                + silent
                + " ms (its agent is stopped or starved), which holds up all ranks");
  }

  /** As {@link Transport#broken}. */
  Optional<String> broken() {
    if (aeron.isClosed()) {
      foundClosed("the connection to the media driver is closed");
    }
    if (!closed.isEmpty() && System.nanoTime() - closedNanos > CLOSED_NANOS) {
      broken.compareAndSet(null, closed);
    }
    return Optional.ofNullable(broken.get());
  }

  /** Aeron closes all streams first and says why afterwards: this is the reason if it does not. */
  void foundClosed(String what) {
    if (closed.isEmpty()) {
      closed = what;
      closedNanos = System.nanoTime();
    }
  }

  /** Takes it that no peer of another host can be reached any more, unless all was lost before. */
  void lostNetwork(Throwable why) {
    broken.compareAndSet(null, "this rank's way to other hosts is gone: " + why.getMessage());
  }

  private static String describe(Path directory, Throwable error) {
    return "the media driver at " + directory + " is gone: " + error.getMessage();
  }

  /** Ends Aeron's own thread; an interrupt is kept for later, for Aeron would not await the end. */
  @Override
  public void close() {
    boolean interrupted = Thread.interrupted();
    try {
      aeron.close();
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
