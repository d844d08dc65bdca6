package dev.trireme.allreduce.transport;

import dev.trireme.allreduce.GroupConfig;
import dev.trireme.allreduce.plan.Hosts;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

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
  private final Lifeline lifeline;
  private final Signals signals;
  private final PeerProcess[] processes;
  private final long[] connectedNanos;
  private final SharedMemories memories;
  private final Partings partings;

  /** Null where all ranks share a host. */
  private final Network network;

  private final Hosts hosts;
  private final Wires wires;
  // Made once: a rank's plain compiler makes a method reference anew, and slowly, at each use.
  private final Listener ears = this::hear;
  private Listener listener = Signals::ignore;

  /**
   * @param signals with a stream each way to every other rank
   * @param network connected; empty where all ranks share a host
   */
  AeronTransport(
      GroupConfig config,
      Lifeline lifeline,
      Signals signals,
      Optional<Network> network,
      Hosts hosts) {
    this.config = config;
    this.lifeline = lifeline;
    this.signals = signals;
    this.network = network.orElse(null);
    this.wires = network.map(Network::wires).orElse(Wires.NONE);
    this.hosts = hosts;
    this.processes = new PeerProcess[config.worldSize()];
    this.connectedNanos = new long[config.worldSize()];
    this.memories = new SharedMemories(config);
    this.partings = new Partings(config.worldSize());
  }

  /** Those of the peers of this host, for the meeting to fill in. */
  PeerProcess[] processes() {
    return processes;
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
}
