package dev.trireme.allreduce.nccl;

import dev.trireme.allreduce.cuda.CudaMemory;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Device;
import dev.trireme.api.tensor.DeviceMemory.Piece;
import java.util.ArrayDeque;
import java.util.Collections;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;

/**
 * Memory for one operation on the host's buffers: page-locked memory and as much on the device.
 *
 * @param bytes of each
 */
record Staging(long bytes, Piece pinned, Piece device) implements AutoCloseable {
  private static final long LEAST_BYTES = 4 << 10;

  long pinnedAddress() {
    return pinned.buffer().address();
  }

  long deviceAddress() {
    return device.buffer().address();
  }

  @Override
  public void close() {
    pinned.close();
    device.close();
  }

  /**
   * Keeps what was used, since to make it takes long and holds the device up.
   *
   * <p>Threading: one thread at a time.
   */
  static final class Pool implements AutoCloseable {
    /** What lies idle at most while nothing is in flight; more is freed. */
    private static final long MOST_IDLE_BYTES = 64 << 20;

    private final CudaMemory memory;
    private final Device device;
    private final Map<Long, Deque<Staging>> idle = new HashMap<>();
    private long idleBytes;

    Pool(CudaMemory memory, Device device) {
      this.memory = memory;
      this.device = device;
    }

    Staging take(long bytes) {
      // What is too large to be kept need not fit anything else.
      long rounded =
          bytes > MOST_IDLE_BYTES
              ? bytes
              : Math.max(LEAST_BYTES, Long.highestOneBit(Math.max(1, 2 * bytes - 1)));
      Deque<Staging> kept = idle.get(rounded);
      if (kept != null && !kept.isEmpty()) {
        idleBytes -= rounded;
        Staging taken = kept.pop();
        if (kept.isEmpty()) {
          idle.remove(rounded);
        }
        return taken;
      }
      Piece pinned = memory.allocateDirty(Device.CPU, DType.UINT8, rounded);
      try {
        return new Staging(rounded, pinned, memory.allocateDirty(device, DType.UINT8, rounded));
      } catch (IllegalStateException e) {
        pinned.close();
        throw e;
      }
    }

    void give(Staging used) {
      idleBytes += used.bytes();
      idle.computeIfAbsent(used.bytes(), size -> new ArrayDeque<>()).push(used);
    }

    /** Frees what is too much; may wait for all that the device has to do. */
    void trim() {
      while (idleBytes > MOST_IDLE_BYTES) {
        long largest = Collections.max(idle.keySet());
        Deque<Staging> kept = idle.get(largest);
        kept.pop().close();
        idleBytes -= largest;
        if (kept.isEmpty()) {
          idle.remove(largest);
        }
      }
    }

    @Override
    public void close() {
      idle.values().forEach(kept -> kept.forEach(Staging::close));
      idle.clear();
    }
  }
}
