package dev.trireme.allreduce.transport;

import dev.trireme.allreduce.Endpoint;
import dev.trireme.allreduce.GroupConfig;
import dev.trireme.allreduce.NetworkConfig;
import io.aeron.Aeron;
import io.aeron.Subscription;
import io.aeron.driver.Configuration;
import io.aeron.driver.MediaDriver;
import io.aeron.driver.ThreadingMode;
import io.aeron.exceptions.TimeoutException;
import io.aeron.protocol.DataHeaderFlyweight;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.GatheringByteChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.agrona.concurrent.AgentInvoker;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A rank's own media driver for what it says to other hosts and hears of them, with the port at
 * which it is heard of. It has no thread: whoever drives the group works it, between the writing of
 * one frame and the reading of the next. So a datagram is received and added up by one thread while
 * it lies in that core's cache, mostly without a log between, see {@link Datagrams}; every rank
 * brings its own core to the work, and nobody waits for another process to wake. (With one driver a
 * host, a thread of its own, moving 100 MiB between two ranks of two cores took 2.3 times as long:
 * that thread was busy for two thirds of the time, and for the rest everybody waited for somebody.)
 *
 * <p>The other side of it: nothing is sent, acknowledged or sent again while nobody drives. A group
 * is driven every 50 ms at the least; what arrives meanwhile lies in the socket's buffer. And what
 * was not acknowledged when the rank closes is lost, see {@link Partings}.
 *
 * <p>Threading: one thread at a time.
 */
final class NetworkDriver implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(NetworkDriver.class);
  private static final long NAP_NANOS = TimeUnit.MILLISECONDS.toNanos(1);

  /**
   * Driver and client are one process and one thread: neither can outlive the other, and both may
   * be left alone for a while, so neither has to watch the other.
   */
  private static final Duration NEVER = Duration.ofDays(1);

  /** The least that Aeron allows: room for 8192, and a peer takes about thirty. */
  private static final int COUNTERS_LENGTH = 1 << 20;

  private static final int LAST_CYCLES = 64;

  /**
   * After how long a receiver says again what it lacks. Aeron's own is 0.1 ms, meant for a sender
   * that looks all the time, and in vain even there: what was just sent again it does not send
   * again for 10 ms.
   */
  private static final Duration LACK_AGAIN = Duration.ofMillis(5);

  private final Passing passing = new Passing();
  private final MediaDriver driver;
  private final AgentInvoker driverWork;
  private final Aeron aeron;
  private final AgentInvoker clientWork;
  private final long tag;
  private final Endpoint endpoint;

  /**
   * Blocks until the port is open.
   *
   * @param stream any id that is this formation's
   * @param tcpPort where this rank takes bytes, or 0
   * @param losses of every socket
   * @param broken told when the client is of no use any more
   */
  NetworkDriver(
      GroupConfig config,
      int stream,
      int tcpPort,
      long timeoutMillis,
      Losses losses,
      Consumer<Throwable> broken) {
    driver = MediaDriver.launch(context(config, losses));
    driverWork = driver.sharedAgentInvoker();
    try {
      aeron =
          Aeron.connect(
              new Aeron.Context()
                  .aeronDirectoryName(driver.aeronDirectoryName())
                  .driverAgentInvoker(driverWork)
                  .useConductorAgentInvoker(true)
                  .driverTimeoutMs(NEVER.toMillis())
                  .closeLingerDurationNs(0)
                  .errorHandler(broken::accept));
      clientWork = aeron.conductorAgentInvoker();
    } catch (RuntimeException e) {
      driver.close();
      throw e;
    }
    try {
      NetworkConfig network = config.network().orElseThrow();
      tag = aeron.nextCorrelationId();
      String address = listen(network, stream, config.worldSize(), timeoutMillis);
      endpoint = new Endpoint(network.host(), address, Channels.mtuOf(network), tcpPort);
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  private MediaDriver.Context context(GroupConfig config, Losses losses) {
    return new MediaDriver.Context()
        .aeronDirectoryName(directory(config, config.rank()).toString())
        .dirDeleteOnStart(true)
        .dirDeleteOnShutdown(true)
        .threadingMode(ThreadingMode.INVOKER)
        .asyncExecutorEnabled(false)
        .termBufferSparseFile(true)
        .sendChannelEndpointSupplier(
            (channel, status, context) ->
                new SendingPort(passing, losses, channel, status, context))
        .receiveChannelEndpointSupplier(
            (channel, dispatcher, status, context) ->
                new ReceivingPort(passing, losses, channel, dispatcher, status, context))
        .nakUnicastRetryDelayRatio(
            LACK_AGAIN.toNanos() / Configuration.NAK_UNICAST_DELAY_DEFAULT_NS)
        .counterValuesBufferLength(COUNTERS_LENGTH)
        .clientLivenessTimeoutNs(NEVER.toNanos())
        .publicationUnblockTimeoutNs(2 * NEVER.toNanos())
        .errorHandler(e -> LOG.warn("the network driver of rank {}: {}", config.rank(), e));
  }

  /** Where the driver of a rank has its files. */
  static Path directory(GroupConfig config, int rank) {
    return config
        .sharedDirectory()
        .resolve("generation-" + config.generation() + "-rank-" + rank + "-network");
  }

  private String listen(NetworkConfig network, int stream, int worldSize, long timeoutMillis) {
    Subscription subscription =
        aeron.addSubscription(Channels.doorbell(network, tag, worldSize), stream);
    long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(timeoutMillis);
    String address = subscription.resolvedEndpoint();
    while (address == null) {
      if (System.nanoTime() - end > 0) {
        throw new TimeoutException(
            "no port at " + network.address() + " in " + timeoutMillis + " ms");
      }
      work();
      LockSupport.parkNanos(NAP_NANOS);
      address = subscription.resolvedEndpoint();
    }
    return address;
  }

  Aeron aeron() {
    return aeron;
  }

  /** Names the port: later subscriptions share it by naming its tag. */
  long tag() {
    return tag;
  }

  Endpoint endpoint() {
    return endpoint;
  }

  Path directory() {
    return Path.of(driver.aeronDirectoryName());
  }

  /** Whom every datagram passes from now on. */
  void pass(Datagrams to) {
    passing.to = to;
  }

  /** The sockets are opened before there is anybody to look at what passes. */
  private static final class Passing implements Datagrams {
    private Datagrams to = LEFT_ALONE;

    @Override
    public boolean take(DataHeaderFlyweight header, long address, int length) {
      return to.take(header, address, length);
    }

    @Override
    public int send(GatheringByteChannel channel, ByteBuffer datagram) throws IOException {
      return to.send(channel, datagram);
    }

    @Override
    public void seen(int stream, int session, int termId, int termOffset) {
      to.seen(stream, session, termId, termOffset);
    }

    @Override
    public void lacking() {
      to.lacking();
    }
  }

  /** Sends and receives one datagram or a few of each peer. */
  void work() {
    driverWork.invoke();
    clientWork.invoke();
  }

  /** Sends what was written, as far as the receivers have room, and closes the port. */
  @Override
  public void close() {
    try {
      for (int left = LAST_CYCLES; left > 0 && driverWork.invoke() > 0; left--) {
        clientWork.invoke();
      }
    } finally {
      try {
        aeron.close();
      } finally {
        driver.close();
      }
    }
  }
}
