package dev.trireme.allreduce.transport;

import dev.trireme.allreduce.AbortSwitch;
import dev.trireme.allreduce.Endpoint;
import dev.trireme.allreduce.GroupConfig;
import dev.trireme.allreduce.plan.Hosts;
import dev.trireme.api.collective.CollectiveException;
import io.aeron.Aeron;
import io.aeron.Subscription;
import io.aeron.exceptions.AeronException;
import java.nio.channels.ClosedByInterruptException;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;

/**
 * The ranks of a formation, each a client of its host's Aeron media driver. Whether two of them
 * share a host is decided pair by pair: if so, an IPC stream each way carries the signals and files
 * in the formation's shared directory carry the data; else one UDP stream each way carries the
 * signals, and bytes go their own way, see {@link Wires}. Every frame carries the formation's
 * number as its reserved value; frames of another formation are dropped.
 *
 * <p>A signal is one small frame. Logs are short, so that they stay in the cache; a receiver that
 * falls half a term behind makes senders wait.
 */
public final class AeronTransport implements Transport {
  private static final long DISCONNECTED_NANOS = TimeUnit.SECONDS.toNanos(1);

  private static final long LEFT_NANOS = TimeUnit.SECONDS.toNanos(10);
  private static final long FAILED_NANOS = TimeUnit.MILLISECONDS.toNanos(150);

  private static final long PARTING_NAP_NANOS = TimeUnit.MICROSECONDS.toNanos(50);

  private final GroupConfig config;
  private final AbortSwitch abort;
  private final Lifeline lifeline;
  private final Signals signals;
  private final PeerProcess[] processes;
  private final long[] connectedNanos;
  private final SharedMemories memories;
  private final Partings partings;
  private Network network;
  private Hosts hosts;
  private Wires wires = Wires.NONE;
  // Made once: a rank's plain compiler makes a method reference anew, and slowly, at each use.
  private final Listener ears = this::hear;
  private Listener listener = Signals::ignore;

  private AeronTransport(GroupConfig config, AbortSwitch abort, Lifeline lifeline) {
    int worldSize = config.worldSize();
    this.config = config;
    this.abort = abort;
    this.lifeline = lifeline;
    this.signals = new Signals(config.formation(), worldSize, lifeline::foundClosed);
    this.processes = new PeerProcess[worldSize];
    this.connectedNanos = new long[worldSize];
    this.memories = new SharedMemories(config);
    this.partings = new Partings(worldSize);
    this.hosts = Hosts.one(worldSize);
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
    AeronTransport transport = new AeronTransport(config, abort, lifeline(config, abort));
    transport.meet(new Endpoint[0]);
    return transport;
  }

  private static Lifeline lifeline(GroupConfig config, AbortSwitch abort) {
    return abortable(config, abort, () -> Lifeline.connect(config, abort));
  }

  /**
   * Waits for the host's driver. Aeron does so in many places and heeds interrupts in all of them,
   * so an abort interrupts this thread, but not for longer: an interrupt would close the channels
   * over which peers are told.
   */
  private static <T> T abortable(GroupConfig config, AbortSwitch abort, Supplier<T> waiting) {
    Thread joining = Thread.currentThread();
    abort.tell(why -> joining.interrupt());
    try {
      return waiting.get();
    } catch (Exception e) {
      throw verdict(config, abort, e);
    } finally {
      abort.tell(why -> {});
      if (abort.reason().isPresent()) {
        Thread.interrupted();
      }
    }
  }

  /** An interrupt may find a file being mapped; Aeron passes on what that throws, undeclared. */
  private static RuntimeException verdict(GroupConfig config, AbortSwitch abort, Exception e) {
    if (e instanceof CollectiveException known) {
      return known;
    }
    if (abort.reason().isPresent()) {
      return Meeting.aborted(config, abort);
    }
    if (e instanceof ClosedByInterruptException) {
      return Meeting.interrupted(config);
    }
    return e instanceof RuntimeException unchecked ? unchecked : new IllegalStateException(e);
  }

  /**
   * Connects to the media driver and listens on a port that the system chooses.
   *
   * @param config with a network
   * @param losses none, save in tests
   * @param abort ends the meeting, too
   * @throws dev.trireme.api.collective.CollectiveException when the driver does not answer in time
   */
  public static AeronTransport open(GroupConfig config, Losses losses, AbortSwitch abort) {
    AeronTransport transport = new AeronTransport(config, abort, lifeline(config, abort));
    try {
      transport.network = new Network(config, losses, transport::networkBroke);
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
    } catch (Exception e) {
      // Also those that Aeron throws and does not declare.
      close();
      throw e;
    }
  }

  private void connectStreams(Endpoint[] all) {
    int worldSize = config.worldSize();
    int rank = config.rank();
    if (all.length > 0) {
      hosts = Hosts.named(Arrays.stream(all).map(Endpoint::host).toList());
    }
    int local = hosts.ranks(hosts.of().get(rank)).size();
    LogRoom.require(config.aeronDirectory(), Channels.logsWithin(local - 1));
    abortable(config, abort, this::connectWithinHost);
    if (network != null) {
      network.connect(List.of(all), hosts, signals);
      wires = network.wires();
    }
  }

  private Void connectWithinHost() {
    int worldSize = config.worldSize();
    int rank = config.rank();
    Streams streams = new Streams(config.streamBase(), worldSize);
    Aeron aeron = lifeline.aeron();
    for (int peer = 0; peer < worldSize; peer++) {
      if (peer != rank && hosts.together(peer, rank)) {
        int in = streams.between(peer, rank);
        int out = streams.between(rank, peer);
        Subscription arriving = aeron.addSubscription(Channels.IPC, in);
        signals.add(peer, aeron.addExclusivePublication(Channels.IPC, out), arriving);
      }
    }
    return null;
  }

  @Override
  public Hosts hosts() {
    return hosts;
  }

  @Override
  public int write(int to, int phase, long operation, long offset, long address, long bytes) {
    return flowed(wires.write(to, phase, operation, offset, address, bytes, false));
  }

  @Override
  public int lend(int to, int phase, long operation, long offset, long address, long bytes) {
    return flowed(wires.write(to, phase, operation, offset, address, bytes, true));
  }

  @Override
  public void takeBack() {
    wires.takeBack();
  }

  @Override
  public int read(Receiver receiver) {
    return flowed(wires.read(receiver));
  }

  private int flowed(int count) {
    if (count > 0) {
      network.flowed();
    }
    return count;
  }

  @Override
  public boolean emptied(int peer) {
    return hosts.together(peer, config.rank())
        || wires.hasRead(peer, partings.end(peer))
        || signals.hasEnded(peer);
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
    long about = kind == SignalKind.LEFT ? wires.written(to) : first;
    if (!signals.send(to, kind, operation, about, second, text)) {
      return false;
    }
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

  /** Why a peer cannot be sent bytes yet; empty once it can. */
  Optional<String> missing(int peer) {
    return wires.missing(peer);
  }

  @Override
  public boolean owes() {
    return wires.owes();
  }

  @Override
  public int poll(Listener to) {
    if (network == null || network.isDue()) {
      wires.open(true);
      try {
        tend();
      } finally {
        wires.open(false);
      }
    }
    listener = to;
    int delivered = signals.poll(ears);
    answer(false);
    return delivered;
  }

  private void hear(
      int from, SignalKind kind, long operation, long first, long second, String text) {
    if (!partings.hear(from, kind, first)) {
      listener.onSignal(from, kind, operation, first, second, text);
    }
  }

  /** Tells those that go that this rank has all of theirs. */
  private void answer(boolean closing) {
    for (int peer = 0; network != null && peer < config.worldSize(); peer++) {
      if (partings.owes(peer)
          && (closing || wires.hasRead(peer, partings.end(peer)))
          && send(peer, SignalKind.SEEN, 0, 0, 0, "")) {
        partings.answered(peer);
      }
    }
  }

  /** Stays until the ranks of other hosts have what they need. */
  private void part() {
    wires.stopTaking();
    long start = System.nanoTime();
    long atMost =
        partings.hasFailed() ? FAILED_NANOS : Math.min(LEFT_NANOS, config.timeout().toNanos());
    long waited = 0;
    while (waited < atMost && !mayGo(waited) && broken().isEmpty()) {
      if (poll(Signals::ignore) == 0) {
        LockSupport.parkNanos(PARTING_NAP_NANOS);
      }
      answer(true);
      waited = System.nanoTime() - start;
    }
  }

  private boolean mayGo(long waited) {
    for (int peer = 0; peer < config.worldSize(); peer++) {
      if (!hosts.together(peer, config.rank())
          && signals.knows(peer)
          && !signals.hasEnded(peer)
          && !partings.lets(peer, waited)) {
        return false;
      }
    }
    return true;
  }

  /** Hands over one signal of {@code peer} if there is one. */
  int pollOne(int peer, Listener to) {
    listener = to;
    return signals.pollOne(peer, ears);
  }

  /** The same, but leaves all but HELLO and FAILED where it is, for who listens later. */
  int peekOne(int peer, Listener to) {
    listener = to;
    return signals.peekOne(peer, ears);
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
      return signals.hasEnded(peer)
          ? Optional.of("nothing arrives from it any more, its stream has ended")
          : wires.lost(peer);
    }
    Optional<String> died = processes[peer].lost();
    if (died.isPresent() && ailment().isPresent()) {
      // It may just have noticed first that the driver is gone: this rank soon will, or it goes on.
      return Optional.empty();
    }
    long now = System.nanoTime();
    if (died.isPresent() || signals.isHeard(peer)) {
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
    return hosts.ranks(hosts.of().get(config.rank())).size() == 1
        ? Optional.empty()
        : lifeline.ailment();
  }

  @Override
  public Optional<String> broken() {
    return lifeline.broken();
  }

  @Override
  public void close() {
    // Even if Aeron cannot be closed cleanly, the memory must go.
    try {
      if (network != null) {
        part();
      }
      lifeline.close();
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

  private void networkBroke(Throwable error) {
    lifeline.broke("this rank's way to other hosts is gone: " + error.getMessage());
  }
}
