package dev.trireme.allreduce.transport;

import dev.trireme.allreduce.GroupConfig;
import io.aeron.Aeron;
import io.aeron.ExclusivePublication;
import io.aeron.Publication;
import io.aeron.Subscription;
import io.aeron.exceptions.AeronException;
import io.aeron.logbuffer.BufferClaim;
import io.aeron.logbuffer.FragmentHandler;
import io.aeron.logbuffer.Header;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import org.agrona.DirectBuffer;
import org.agrona.concurrent.UnsafeBuffer;

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
   * the media driver before that.
   *
   * @throws dev.trireme.api.collective.CollectiveException when the driver or some rank does not
   *     answer in time, or the thread is interrupted
   */
  public static AeronTransport connect(GroupConfig config) {
    AtomicReference<String> broken = new AtomicReference<>();
    Aeron.Context context =
        new Aeron.Context()
            .aeronDirectoryName(config.aeronDirectory().toString())
            .driverTimeoutMs(DRIVER_MILLIS)
            // Aeron's own handler ends the JVM when the driver dies.
            .errorHandler(error -> broken.compareAndSet(null, describe(config, error)));
    Aeron aeron;
    try {
      aeron = Aeron.connect(context);
    } catch (AeronException e) {
      throw Meeting.noDriver(config, e);
    }
    try {
      AeronTransport transport = new AeronTransport(config, aeron, broken);
      new Meeting(config, transport).hold(transport.processes);
      return transport;
    } catch (AeronException e) {
      aeron.close();
      throw Meeting.noDriver(config, e);
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
  public Optional<String> lost(int peer) {
    return processes[peer].lost();
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
