package dev.trireme.allreduce.inprocess;

import dev.trireme.allreduce.transport.SignalKind;
import dev.trireme.allreduce.transport.Transport;
import dev.trireme.api.tensor.NativeMemory;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
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

  private record Signal(
      int from, SignalKind kind, long operation, long first, long second, String text) {}

  private record MemoryKey(int rank, int index) {}

  private final Queue<Signal>[] inboxes;
  private final Map<MemoryKey, NativeMemory.Block> memories = new ConcurrentHashMap<>();
  private final boolean[] lost;
  private final AtomicInteger open;

  @SuppressWarnings({"unchecked", "rawtypes"})
  InProcessHub(int worldSize) {
    inboxes = new Queue[worldSize];
    IntStream.range(0, worldSize).forEach(i -> inboxes[i] = new ConcurrentLinkedQueue<>());
    lost = new boolean[worldSize];
    open = new AtomicInteger(worldSize);
  }

  /** Lets every other rank see that {@code rank} is gone. */
  synchronized void lose(int rank) {
    lost[rank] = true;
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
      return inboxes[to].add(new Signal(rank, kind, operation, first, second, text));
    }

    @Override
    public int poll(Listener listener) {
      int polled = 0;
      for (Signal next; polled < POLL_LIMIT && (next = inboxes[rank].poll()) != null; polled++) {
        listener.onSignal(
            next.from(), next.kind(), next.operation(), next.first(), next.second(), next.text());
      }
      return polled;
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
