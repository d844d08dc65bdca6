package dev.trireme.allreduce.transport;

import dev.trireme.allreduce.AbortSwitch;
import dev.trireme.allreduce.GroupConfig;
import dev.trireme.api.collective.CollectiveException;
import io.aeron.Aeron;
import io.aeron.ExclusivePublication;
import io.aeron.Publication;
import io.aeron.Subscription;
import io.aeron.exceptions.AeronException;
import io.aeron.logbuffer.BufferClaim;
import io.aeron.logbuffer.ControlledFragmentHandler;
import io.aeron.logbuffer.FragmentHandler;
import io.aeron.logbuffer.Header;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.agrona.DirectBuffer;
import org.agrona.concurrent.UnsafeBuffer;
import org.agrona.concurrent.ringbuffer.RingBuffer;

/**
 * The ranks of one host, each a client of the host's Aeron media driver: one IPC stream for each
 * ordered pair of ranks carries the signals, files in the formation's shared directory carry the
 * data. Every frame carries the formation's number as its reserved value; frames of another
 * formation are dropped.
 *
 * <p>A signal is one small frame. Logs are short, so that they stay in the cache; a receiver that
 * falls half a term behind makes senders wait.
 */
public final class AeronTransport implements Transport {
  /**
   * Half of this in unread signals stops a sender; a signal takes 64 bytes, or up to 512 with text.
   */
  private static final String CHANNEL = "aeron:ipc?term-length=256k|alias=trireme-collectives";

  private static final SignalKind[] KINDS = SignalKind.values();

  /**
   * A driver that gives no sign of life for so long is dead; its agent may well pause for seconds.
   */
  private static final long DRIVER_MILLIS = 5_000;

  private static final long DISCONNECTED_NANOS = TimeUnit.SECONDS.toNanos(1);

  /** The driver gives a sign of life every second; one that does not is stopped or starved. */
  private static final long DRIVER_SILENT_MILLIS = 2_500;

  /**
   * When the driver has gone or has given this client up, Aeron's own thread unmaps the logs; who
   * is just writing to one must be out of it by then.
   */
  private static final long CLOSE_LINGER_NANOS = TimeUnit.MILLISECONDS.toNanos(50);

  private static final int FRAGMENTS_PER_POLL = 32;
  private static final int KIND = 0;
  private static final int OPERATION = 8;
  private static final int FIRST = 16;
  private static final int SECOND = 24;
  private static final int TEXT = 32;

  private final GroupConfig config;
  private final Aeron aeron;
  private final AtomicReference<String> broken;
  private final ExclusivePublication[] publications;
  private final Subscription[] subscriptions;
  private final FragmentHandler[] handlers;
  private final PeerProcess[] processes;
  private final long[] connectedNanos;
  private final RingBuffer driverLifeSign;
  private final SharedMemories memories;
  private final BufferClaim claim = new BufferClaim();
  private final UnsafeBuffer textBytes = new UnsafeBuffer(new byte[MAX_TEXT]);
  private Listener listener = AeronTransport::ignore;
  private int delivered;

  private AeronTransport(GroupConfig config, Aeron aeron, AtomicReference<String> broken) {
    int worldSize = config.worldSize();
    this.config = config;
    this.aeron = aeron;
    this.broken = broken;
    this.publications = new ExclusivePublication[worldSize];
    this.subscriptions = new Subscription[worldSize];
    this.handlers = new FragmentHandler[worldSize];
    this.processes = new PeerProcess[worldSize];
    this.connectedNanos = new long[worldSize];
    this.driverLifeSign = aeron.context().toDriverBuffer();
    this.memories = new SharedMemories(config);
    Streams streams = new Streams(config.streamBase(), worldSize);
    for (int peer = 0; peer < worldSize; peer++) {
      if (peer != config.rank()) {
        int from = peer;
        handlers[peer] =
            (buffer, offset, length, header) -> take(from, buffer, offset, length, header);
        subscriptions[peer] = aeron.addSubscription(CHANNEL, streams.between(peer, config.rank()));
        publications[peer] =
            aeron.addExclusivePublication(CHANNEL, streams.between(config.rank(), peer));
      }
    }
  }

  /**
   * Connects to the media driver and meets the other ranks.
   *
   * <p>Blocking: until all ranks are there or the config's timeout has passed, up to 5 seconds for
   * the media driver before that; an abort ends it at once.
   *
   * @param abort tells nobody any more when this returns
   * @throws dev.trireme.api.collective.CollectiveException when the driver or some rank does not
   *     answer in time, or the thread is interrupted, or the switch is used
   */
  public static AeronTransport connect(GroupConfig config, AbortSwitch abort) {
    Thread joining = Thread.currentThread();
    // Aeron waits for its driver in many places, and heeds interrupts in all of them.
    abort.tell(why -> joining.interrupt());
    try {
      return connectInterruptibly(config, abort);
    } finally {
      abort.tell(why -> {});
      if (abort.reason().isPresent()) {
        Thread.interrupted();
      }
    }
  }

  private static AeronTransport connectInterruptibly(GroupConfig config, AbortSwitch abort) {
    AtomicReference<String> broken = new AtomicReference<>();
    Aeron.Context context =
        new Aeron.Context()
            .aeronDirectoryName(config.aeronDirectory().toString())
            .driverTimeoutMs(DRIVER_MILLIS)
            .closeLingerDurationNs(CLOSE_LINGER_NANOS)
            // Aeron's own handler ends the JVM when the driver dies.
            .errorHandler(error -> broken.compareAndSet(null, describe(config, error)));
    Meeting.awaitDriver(config, abort, DRIVER_MILLIS);
    Aeron aeron;
    try {
      aeron = Aeron.connect(context);
    } catch (AeronException e) {
      throw Meeting.noDriver(config, e);
    }
    try {
      AeronTransport transport = new AeronTransport(config, aeron, broken);
      Meeting meeting = new Meeting(config, transport, abort);
      try {
        meeting.hold(transport.processes);
      } catch (CollectiveException e) {
        meeting.sayFailed(e);
        throw e;
      }
      return transport;
    } catch (AeronException e) {
      aeron.close();
      throw abort.reason().isPresent()
          ? Meeting.aborted(config, abort)
          : Meeting.noDriver(config, e);
    } catch (RuntimeException e) {
      aeron.close();
      throw e;
    }
  }

  @Override
  public int rank() {
    return config.rank();
  }

  @Override
  public int worldSize() {
    return config.worldSize();
  }

  @Override
  public boolean send(
      int to, SignalKind kind, long operation, long first, long second, String text) {
    int textLength = text.isEmpty() ? 0 : textBytes.putStringWithoutLengthAscii(0, cut(text));
    long result = publications[to].tryClaim(TEXT + textLength, claim);
    if (result <= 0) {
      if (result == Publication.CLOSED || result == Publication.MAX_POSITION_EXCEEDED) {
        broken.compareAndSet(null, "the stream to rank " + to + " is closed");
      }
      return false;
    }
    int offset = claim.offset();
    claim.buffer().putLong(offset + KIND, kind.ordinal());
    claim.buffer().putLong(offset + OPERATION, operation);
    claim.buffer().putLong(offset + FIRST, first);
    claim.buffer().putLong(offset + SECOND, second);
    claim.buffer().putBytes(offset + TEXT, textBytes, 0, textLength);
    claim.reservedValue(config.formation());
    claim.commit();
    return true;
  }

  @Override
  public int poll(Listener to) {
    listener = to;
    delivered = 0;
    for (int peer = 0; peer < subscriptions.length; peer++) {
      if (subscriptions[peer] != null) {
        subscriptions[peer].poll(handlers[peer], FRAGMENTS_PER_POLL);
      }
    }
    return delivered;
  }

  /** Hands over one signal of {@code peer} if there is one. */
  int pollOne(int peer, Listener to) {
    listener = to;
    delivered = 0;
    subscriptions[peer].poll(handlers[peer], 1);
    return delivered;
  }

  /** The same, but leaves all but HELLO and FAILED where it is, for who listens later. */
  int peekOne(int peer, Listener to) {
    listener = to;
    delivered = 0;
    subscriptions[peer].controlledPoll(
        (buffer, offset, length, header) -> {
          if (header.reservedValue() == config.formation() && length >= TEXT) {
            long kind = buffer.getLong(offset + KIND);
            if (kind != SignalKind.HELLO.ordinal() && kind != SignalKind.FAILED.ordinal()) {
              return ControlledFragmentHandler.Action.ABORT;
            }
            take(peer, buffer, offset, length, header);
          }
          return ControlledFragmentHandler.Action.BREAK;
        },
        1);
    return delivered;
  }

  @Override
  public long createMemory(int index, long bytes) {
    return memories.create(index, bytes);
  }

  @Override
  public long openMemory(int peer, int index, long bytes) {
    return memories.open(peer, index, bytes);
  }

  @Override
  public void sealMemory(int index) {
    memories.seal(index);
  }

  @Override
  public void whileSlow(Runnable tick) {
    memories.whileSlow(tick);
  }

  @Override
  public Optional<String> lost(int peer) {
    Optional<String> died = processes[peer].lost();
    long now = System.nanoTime();
    if (died.isPresent() || publications[peer].isClosed() || publications[peer].isConnected()) {
      connectedNanos[peer] = now;
      return died;
    }
    // A rank that was itself given up by the driver sees this too, but learns of that meanwhile.
    return now - connectedNanos[peer] < DISCONNECTED_NANOS
        ? Optional.empty()
        : Optional.of("it has no connection to the media driver any more");
  }

  @Override
  public Optional<String> condition(int peer) {
    return processes[peer].condition();
  }

  @Override
  public Optional<String> ailment() {
    long silent = System.currentTimeMillis() - driverLifeSign.consumerHeartbeatTime();
    return aeron.isClosed() || silent < DRIVER_SILENT_MILLIS
        ? Optional.empty()
        : Optional.of(
            "the media driver at "
                + config.aeronDirectory()
                + " has given no sign of life for "
                + silent
                + " ms (its agent is stopped or starved), which holds up all ranks");
  }

  @Override
  public Optional<String> broken() {
    if (aeron.isClosed()) {
      broken.compareAndSet(null, "the connection to the media driver is closed");
    }
    return Optional.ofNullable(broken.get());
  }

  @Override
  public void close() {
    // Even if Aeron cannot be closed cleanly, the memory must go.
    try {
      aeron.close();
    } finally {
      for (int peer = 0; peer < processes.length; peer++) {
        if (processes[peer] != null && processes[peer].lost().isPresent()) {
          memories.deleteOf(peer);
        }
      }
      memories.close();
    }
  }

  private void take(int from, DirectBuffer buffer, int offset, int length, Header header) {
    int kind = length < TEXT ? -1 : (int) buffer.getLong(offset + KIND);
    if (header.reservedValue() != config.formation() || kind < 0 || kind >= KINDS.length) {
      return;
    }
    delivered++;
    listener.onSignal(
        from,
        KINDS[kind],
        buffer.getLong(offset + OPERATION),
        buffer.getLong(offset + FIRST),
        buffer.getLong(offset + SECOND),
        length == TEXT ? "" : buffer.getStringWithoutLengthAscii(offset + TEXT, length - TEXT));
  }

  private static String cut(String text) {
    return text.length() <= MAX_TEXT ? text : text.substring(0, MAX_TEXT - 3) + "...";
  }

  private static String describe(GroupConfig config, Throwable error) {
    return "the media driver at " + config.aeronDirectory() + " is gone: " + error.getMessage();
  }

  private static void ignore(
      int from, SignalKind kind, long operation, long first, long second, String text) {}
}
