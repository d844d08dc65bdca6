package dev.trireme.allreduce.transport;

import dev.trireme.allreduce.AbortSwitch;
import dev.trireme.allreduce.Endpoint;
import dev.trireme.allreduce.GroupConfig;
import dev.trireme.allreduce.plan.Hosts;
import dev.trireme.api.collective.CollectiveException;
import io.aeron.Aeron;
import io.aeron.ExclusivePublication;
import io.aeron.Publication;
import io.aeron.Subscription;
import io.aeron.driver.MediaDriver;
import io.aeron.exceptions.AeronException;
import io.aeron.logbuffer.BufferClaim;
import io.aeron.logbuffer.ControlledFragmentHandler;
import io.aeron.logbuffer.FragmentHandler;
import io.aeron.logbuffer.Header;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.agrona.DirectBuffer;
import org.agrona.concurrent.UnsafeBuffer;
import org.agrona.concurrent.ringbuffer.RingBuffer;

/**
 * The ranks of a formation, each a client of its host's Aeron media driver. Whether two of them
 * share a host is decided pair by pair: if so, an IPC stream each way carries the signals and files
 * in the formation's shared directory carry the data; else one UDP stream each way carries the
 * signals and another the data, see {@link Wires}. Every frame carries the formation's number as
 * its reserved value; frames of another formation are dropped.
 *
 * <p>A signal is one small frame. Logs are short, so that they stay in the cache; a receiver that
 * falls half a term behind makes senders wait.
 */
public final class AeronTransport implements Transport {
  private static final SignalKind[] KINDS = SignalKind.values();

  /**
   * Streams between hosts are numbered from here on. Each agent allots its own numbers, so these
   * must not depend on them; nor need they, for a rank's port is that of one formation alone.
   */
  private static final int WIRE_STREAMS = 1;

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

  private static final long LEFT_NANOS = TimeUnit.SECONDS.toNanos(10);
  private static final long FAILED_NANOS = TimeUnit.MILLISECONDS.toNanos(150);
  private static final long PARTING_NAP_NANOS = TimeUnit.MICROSECONDS.toNanos(50);
  private static final long CLOSED_NANOS = TimeUnit.MILLISECONDS.toNanos(200);
  private static final int FRAGMENTS_PER_POLL = 32;
  private static final int KIND = 0;
  private static final int OPERATION = 8;
  private static final int FIRST = 16;
  private static final int SECOND = 24;
  private static final int TEXT = 32;

  private final GroupConfig config;
  private final AbortSwitch abort;
  private final Aeron aeron;
  private final AtomicReference<String> broken;
  private final ExclusivePublication[] publications;
  private final Subscription[] subscriptions;
  private final FragmentHandler[] handlers;
  private final PeerProcess[] processes;
  private final long[] connectedNanos;
  private final RingBuffer driverLifeSign;
  private final SharedMemories memories;
  private final Partings partings;
  private NetworkDriver network;
  private Hosts hosts;
  private Wires wires;
  private final BufferClaim claim = new BufferClaim();
  private final UnsafeBuffer textBytes = new UnsafeBuffer(new byte[MAX_TEXT]);
  private Listener listener = AeronTransport::ignore;
  private int delivered;
  private String closed = "";
  private long closedNanos;

  private AeronTransport(
      GroupConfig config, AbortSwitch abort, Aeron aeron, AtomicReference<String> broken) {
    int worldSize = config.worldSize();
    this.config = config;
    this.abort = abort;
    this.aeron = aeron;
    this.broken = broken;
    this.publications = new ExclusivePublication[worldSize];
    this.subscriptions = new Subscription[worldSize];
    this.handlers = new FragmentHandler[worldSize];
    this.processes = new PeerProcess[worldSize];
    this.connectedNanos = new long[worldSize];
    this.driverLifeSign = aeron.context().toDriverBuffer();
    this.memories = new SharedMemories(config);
    this.partings = new Partings(worldSize);
    this.hosts = Hosts.one(worldSize);
    this.wires = new Wires(config.formation(), Channels.MIN_MTU, worldSize);
  }

  /**
   * Connects to the media driver and meets the other ranks, all of this host.
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
      AeronTransport transport = client(config, abort);
      transport.meet(new Endpoint[0]);
      return transport;
    } finally {
      abort.tell(why -> {});
      if (abort.reason().isPresent()) {
        Thread.interrupted();
      }
    }
  }

  /**
   * Connects to the media driver and listens on a port that the system chooses.
   *
   * @param config with a network
   * @param settings may change those of this rank's own driver
   * @param abort ends the meeting, too
   * @throws dev.trireme.api.collective.CollectiveException when the driver does not answer in time
   */
  public static AeronTransport open(
      GroupConfig config, Consumer<MediaDriver.Context> settings, AbortSwitch abort) {
    AeronTransport transport = client(config, abort);
    try {
      // A stream of its own, so that nothing ever arrives there.
      int stream = WIRE_STREAMS + config.rank() * (config.worldSize() - 1);
      transport.network =
          new NetworkDriver(config, stream, DRIVER_MILLIS, settings, transport::networkBroke);
      return transport;
    } catch (RuntimeException e) {
      transport.close();
      throw e instanceof AeronException known ? Meeting.noDriver(config, known) : e;
    }
  }

  /** Where this rank listens; only after {@link #open}. */
  public Endpoint endpoint() {
    return network.endpoint();
  }

  /**
   * Meets the other ranks; closes the transport when that fails.
   *
   * @param all endpoints, in order of rank
   */
  public void meet(List<Endpoint> all) {
    if (all.size() != config.worldSize() || !all.get(config.rank()).equals(endpoint())) {
      close();
      throw new IllegalArgumentException(
          "expected the endpoints of "
              + config.worldSize()
              + " ranks, that of rank "
              + config.rank()
              + " as it was given out; found "
              + all);
    }
    meet(all.toArray(Endpoint[]::new));
  }

  private void meet(Endpoint[] all) {
    try {
      connectStreams(all);
      Meeting meeting = new Meeting(config, this, abort);
      try {
        meeting.hold(processes);
      } catch (CollectiveException e) {
        meeting.sayFailed(e);
        throw e;
      }
    } catch (AeronException e) {
      close();
      throw abort.reason().isPresent()
          ? Meeting.aborted(config, abort)
          : Meeting.noDriver(config, e);
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  private static AeronTransport client(GroupConfig config, AbortSwitch abort) {
    AtomicReference<String> broken = new AtomicReference<>();
    Aeron.Context context =
        new Aeron.Context()
            .aeronDirectoryName(config.aeronDirectory().toString())
            .driverTimeoutMs(DRIVER_MILLIS)
            .closeLingerDurationNs(CLOSE_LINGER_NANOS)
            // Aeron's own handler ends the JVM when the driver dies.
            .errorHandler(error -> broken.compareAndSet(null, describe(config, error)));
    Meeting.awaitDriver(config, abort, DRIVER_MILLIS);
    try {
      return new AeronTransport(config, abort, Aeron.connect(context), broken);
    } catch (AeronException e) {
      throw abort.reason().isPresent()
          ? Meeting.aborted(config, abort)
          : Meeting.noDriver(config, e);
    }
  }

  private void connectStreams(Endpoint[] all) {
    int worldSize = config.worldSize();
    int rank = config.rank();
    if (all.length > 0) {
      hosts = Hosts.named(Arrays.stream(all).map(Endpoint::host).toList());
    }
    int local = hosts.ranks(hosts.of().get(rank)).size();
    int remote = worldSize - local;
    Channels channels = Channels.of(List.of(all), remote);
    wires = new Wires(config.formation(), channels.mtu(), worldSize);
    LogRoom.require(config.aeronDirectory(), Channels.logsWithin(local - 1));
    if (remote > 0) {
      LogRoom.require(network.directory(), Channels.logsBetween(remote, channels.dataTerm()));
    }
    Streams streams = new Streams(config.streamBase(), worldSize);
    Streams wire = new Streams(WIRE_STREAMS, worldSize);
    for (int peer = 0; peer < worldSize; peer++) {
      if (peer == rank) {
        continue;
      }
      int from = peer;
      handlers[peer] =
          (buffer, offset, length, header) -> take(from, buffer, offset, length, header);
      int in = streams.between(peer, rank);
      int out = streams.between(rank, peer);
      if (hosts.together(peer, rank)) {
        subscriptions[peer] = aeron.addSubscription(Channels.IPC, in);
        publications[peer] = aeron.addExclusivePublication(Channels.IPC, out);
      } else {
        String arriving = channels.in(network.tag());
        Aeron own = network.aeron();
        int heard = wire.between(peer, rank);
        int said = wire.between(rank, peer);
        subscriptions[peer] = own.addSubscription(arriving, heard);
        Subscription data = own.addSubscription(arriving, heard + wire.count());
        publications[peer] = own.addExclusivePublication(channels.signalsTo(all[peer]), said);
        wires.add(
            peer,
            own.addExclusivePublication(channels.dataTo(all[peer]), said + wire.count()),
            data);
      }
    }
  }

  @Override
  public Hosts hosts() {
    return hosts;
  }

  @Override
  public int write(int to, int phase, long operation, long offset, long address, long bytes) {
    return wires.write(to, phase, operation, offset, address, bytes);
  }

  @Override
  public int read(Receiver receiver) {
    return wires.read(receiver);
  }

  @Override
  public boolean emptied(int peer) {
    return hosts.together(peer, config.rank())
        || wires.hasRead(peer, partings.end(peer))
        || subscriptions[peer].hasNoImages();
  }

  @Override
  public int frameBytes() {
    return wires.frameBytes();
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
        foundClosed("the stream to rank " + to + " is closed");
      }
      return false;
    }
    int offset = claim.offset();
    claim.buffer().putLong(offset + KIND, kind.ordinal());
    claim.buffer().putLong(offset + OPERATION, operation);
    claim.buffer().putLong(offset + FIRST, kind == SignalKind.LEFT ? wires.written(to) : first);
    claim.buffer().putLong(offset + SECOND, second);
    claim.buffer().putBytes(offset + TEXT, textBytes, 0, textLength);
    claim.reservedValue(config.formation());
    claim.commit();
    if (kind == SignalKind.FAILED) {
      partings.failed();
      tend();
    }
    return true;
  }

  @Override
  public void tend() {
    if (network != null) {
      network.work();
    }
  }

  @Override
  public int poll(Listener to) {
    tend();
    listener = to;
    delivered = 0;
    for (int peer = 0; peer < subscriptions.length; peer++) {
      if (subscriptions[peer] != null) {
        subscriptions[peer].poll(handlers[peer], FRAGMENTS_PER_POLL);
      }
    }
    answer(false);
    return delivered;
  }

  /** Tells those that go that this rank has all of theirs. */
  private void answer(boolean closing) {
    for (int peer = 0; network != null && peer < subscriptions.length; peer++) {
      if (partings.owes(peer)
          && (closing || wires.hasRead(peer, partings.end(peer)))
          && send(peer, SignalKind.SEEN, 0, 0, 0, "")) {
        partings.answered(peer);
      }
    }
  }

  /** Stays until the ranks of other hosts have what they need. */
  private void part() {
    long start = System.nanoTime();
    long atMost =
        partings.hasFailed() ? FAILED_NANOS : Math.min(LEFT_NANOS, config.timeout().toNanos());
    long waited = 0;
    while (waited < atMost && !mayGo(waited) && broken().isEmpty()) {
      if (poll(AeronTransport::ignore) == 0) {
        LockSupport.parkNanos(PARTING_NAP_NANOS);
      }
      answer(true);
      waited = System.nanoTime() - start;
    }
  }

  private boolean mayGo(long waited) {
    for (int peer = 0; peer < publications.length; peer++) {
      if (publications[peer] != null
          && !hosts.together(peer, config.rank())
          && !subscriptions[peer].hasNoImages()
          && !partings.lets(peer, waited)) {
        return false;
      }
    }
    return true;
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
    if (!hosts.together(peer, config.rank())) {
      return subscriptions[peer].hasNoImages()
          ? Optional.of("nothing arrives from it any more, its stream has ended")
          : Optional.empty();
    }
    Optional<String> died = processes[peer].lost();
    if (died.isPresent() && ailment().isPresent()) {
      // It may just have noticed first that the driver is gone: this rank soon will, or it goes on.
      return Optional.empty();
    }
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
    return Optional.ofNullable(processes[peer]).flatMap(PeerProcess::condition);
  }

  @Override
  public Optional<String> ailment() {
    // First: a client that was closed by Aeron has no memory behind it soon.
    if (aeron.isClosed() || hosts.ranks(hosts.of().get(config.rank())).size() == 1) {
      return Optional.empty();
    }
    long silent = System.currentTimeMillis() - driverLifeSign.consumerHeartbeatTime();
    return silent < DRIVER_SILENT_MILLIS
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
      foundClosed("the connection to the media driver is closed");
    }
    if (!closed.isEmpty() && System.nanoTime() - closedNanos > CLOSED_NANOS) {
      broken.compareAndSet(null, closed);
    }
    return Optional.ofNullable(broken.get());
  }

  /** Aeron closes all streams first and says why afterwards: this is the reason if it does not. */
  private void foundClosed(String what) {
    if (closed.isEmpty()) {
      closed = what;
      closedNanos = System.nanoTime();
    }
  }

  @Override
  public void close() {
    // Even if Aeron cannot be closed cleanly, the memory must go.
    try {
      if (network != null) {
        part();
      }
      aeron.close();
    } finally {
      for (int peer = 0; peer < processes.length; peer++) {
        if (processes[peer] != null && processes[peer].lost().isPresent()) {
          memories.deleteOf(peer);
        }
      }
      memories.close();
      if (network != null) {
        network.close();
      }
    }
  }

  private void take(int from, DirectBuffer buffer, int offset, int length, Header header) {
    int kind = length < TEXT ? -1 : (int) buffer.getLong(offset + KIND);
    if (header.reservedValue() != config.formation() || kind < 0 || kind >= KINDS.length) {
      return;
    }
    delivered++;
    if (partings.hear(from, KINDS[kind], buffer.getLong(offset + FIRST))) {
      return;
    }
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

  private void networkBroke(Throwable error) {
    broken.compareAndSet(null, "this rank's way to other hosts is gone: " + error.getMessage());
  }

  private static String describe(GroupConfig config, Throwable error) {
    return "the media driver at " + config.aeronDirectory() + " is gone: " + error.getMessage();
  }

  private static void ignore(
      int from, SignalKind kind, long operation, long first, long second, String text) {}
}
