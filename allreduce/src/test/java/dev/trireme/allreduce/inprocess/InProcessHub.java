package dev.trireme.allreduce.inprocess;

import dev.trireme.allreduce.plan.Hosts;
import dev.trireme.allreduce.transport.SignalKind;
import dev.trireme.allreduce.transport.Transport;
import dev.trireme.api.tensor.NativeMemory;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;

/**
 * What the transports of one in-process formation share. Memory is freed when the last of them is
 * closed: until then a slower rank may still read it.
 */
final class InProcessHub {
  private static final int PAGE_BYTES = 4096;
  private static final int POLL_LIMIT = 32;

  /** Small, so that a few elements already travel in pieces. */
  private static final int FRAME_BYTES = 1024;

  private static final int FRAMES_UNREAD = 8;

  private record Signal(
      int from, SignalKind kind, long operation, long first, long second, String text) {}

  private record Bytes(int from, int phase, long operation, long offset, byte[] data) {}

  private record MemoryKey(int rank, int index) {}

  private final Hosts hosts;
  private final Queue<Signal>[] inboxes;
  private final Map<MemoryKey, Queue<Bytes>> wires = new ConcurrentHashMap<>();
  private final Map<MemoryKey, NativeMemory.Block> memories = new ConcurrentHashMap<>();
  private final boolean[] lost;
  private final Set<Integer> deaf = ConcurrentHashMap.newKeySet();
  private final Map<SignalKind, AtomicInteger> refusals = new ConcurrentHashMap<>();
  private final AtomicInteger open;

  @SuppressWarnings({"unchecked", "rawtypes"})
  InProcessHub(Hosts hosts) {
    this.hosts = hosts;
    int worldSize = hosts.worldSize();
    inboxes = new Queue[worldSize];
    IntStream.range(0, worldSize).forEach(i -> inboxes[i] = new ConcurrentLinkedQueue<>());
    lost = new boolean[worldSize];
    open = new AtomicInteger(worldSize);
  }

  /** Lets every other rank see that {@code rank} is gone. */
  synchronized void lose(int rank) {
    lost[rank] = true;
  }

  /** Whether {@code rank} finds no signal for it, whatever is sent; they stay for later. */
  void deafen(int rank, boolean whether) {
    if (whether) {
      deaf.add(rank);
    } else {
      deaf.remove(rank);
    }
  }

  /** Has no room for the next {@code times} signals of a kind. */
  void refuse(SignalKind kind, int times) {
    refusals.put(kind, new AtomicInteger(times));
  }

  private boolean isRefused(SignalKind kind) {
    AtomicInteger left = refusals.get(kind);
    return left != null && left.getAndUpdate(n -> Math.max(0, n - 1)) > 0;
  }

  private synchronized boolean isLost(int rank) {
    return lost[rank];
  }

  Transport transport(int rank) {
    return new InProcessTransport(rank);
  }

  private final class InProcessTransport implements Transport {
    private final int rank;

    private InProcessTransport(int rank) {
      this.rank = rank;
    }

    @Override
    public int rank() {
      return rank;
    }

    @Override
    public int worldSize() {
      return inboxes.length;
    }

    @Override
    public boolean send(
        int to, SignalKind kind, long operation, long first, long second, String text) {
      return !isRefused(kind)
          && inboxes[to].add(new Signal(rank, kind, operation, first, second, text));
    }

    @Override
    public int poll(Listener listener) {
      if (deaf.contains(rank)) {
        return 0;
      }
      int polled = 0;
      for (Signal next; polled < POLL_LIMIT && (next = inboxes[rank].poll()) != null; polled++) {
        listener.onSignal(
            next.from(), next.kind(), next.operation(), next.first(), next.second(), next.text());
      }
      return polled;
    }

    @Override
    public Hosts hosts() {
      return hosts;
    }

    @Override
    public int write(int to, int phase, long operation, long offset, long address, long bytes) {
      Queue<Bytes> wire = wire(rank, to);
      if (wire.size() >= FRAMES_UNREAD) {
        return 0;
      }
      byte[] data = new byte[(int) Math.min(bytes, FRAME_BYTES)];
      NativeMemory.read(address, data, 0, data.length);
      wire.add(new Bytes(rank, phase, operation, offset, data));
      return data.length;
    }

    @Override
    public int read(Receiver receiver) {
      int read = 0;
      for (int from = 0; from < inboxes.length; from++) {
        Queue<Bytes> wire = wire(from, rank);
        for (Bytes next; (next = wire.peek()) != null && hand(next, receiver); read++) {
          wire.remove();
        }
      }
      return read;
    }

    private boolean hand(Bytes next, Receiver receiver) {
      try (NativeMemory.Block block = NativeMemory.allocate(next.data().length, 64)) {
        NativeMemory.write(next.data(), 0, next.data().length, block.address());
        return receiver.take(
            next.from(),
            next.phase(),
            next.operation(),
            next.offset(),
            block.address(),
            next.data().length);
      }
    }

    private Queue<Bytes> wire(int from, int to) {
      return wires.computeIfAbsent(new MemoryKey(from, to), key -> new ConcurrentLinkedQueue<>());
    }

    @Override
    public int frameBytes() {
      return FRAME_BYTES;
    }

    @Override
    public long createMemory(int index, long bytes) {
      NativeMemory.Block block = NativeMemory.allocate(bytes, PAGE_BYTES);
      memories.put(new MemoryKey(rank, index), block);
      return block.address();
    }

    @Override
    public long openMemory(int peer, int index, long bytes) {
      return memories.get(new MemoryKey(peer, index)).address();
    }

    @Override
    public void sealMemory(int index) {}

    @Override
    public Optional<String> lost(int peer) {
      return isLost(peer) ? Optional.of("it was lost by the test") : Optional.empty();
    }

    @Override
    public Optional<String> broken() {
      return Optional.empty();
    }

    @Override
    public void close() {
      if (open.decrementAndGet() == 0) {
        memories.values().forEach(NativeMemory.Block::close);
      }
    }
  }
}
