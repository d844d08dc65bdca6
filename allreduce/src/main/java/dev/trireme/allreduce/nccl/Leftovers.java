package dev.trireme.allreduce.nccl;

import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Device;
import dev.trireme.api.tensor.DeviceMemory;
import dev.trireme.api.tensor.TensorBuffer;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;

/**
 * Memory that was given up while an operation of a group's may be stuck on the device. To free
 * memory may wait for all that the device has to do, also where it is page-locked memory of the
 * host, and so would hold up who leaves a formation until the group's communicator has ended. It is
 * freed once that has, or never where NCCL does not let go.
 *
 * <p>Threading: any.
 */
final class Leftovers {
  private final Queue<DeviceMemory.Piece> pieces = new ConcurrentLinkedQueue<>();
  private volatile boolean over;

  /** Frees the piece as soon as nothing is stuck any more. */
  void take(DeviceMemory.Piece piece) {
    pieces.add(piece);
    if (over) {
      freeAll();
    }
  }

  /** Nothing of the group's is on the device any more, nor will it be. */
  void end() {
    over = true;
    freeAll();
  }

  private void freeAll() {
    for (DeviceMemory.Piece next = pieces.poll(); next != null; next = pieces.poll()) {
      next.close();
    }
  }

  /**
   * The same memory for those who use the group.
   *
   * @param isIdle whether the group has nothing on the device, so that a piece can be freed at once
   */
  DeviceMemory inFrontOf(DeviceMemory memory, BooleanSupplier isIdle) {
    return new Lent(memory, isIdle, this);
  }

  private record Lent(DeviceMemory memory, BooleanSupplier isIdle, Leftovers leftovers)
      implements DeviceMemory {
    @Override
    public Optional<Adder> adder(Device device) {
      return memory.adder(device);
    }

    @Override
    public Piece allocate(Device device, DType dtype, long count) {
      return new LentPiece(
          memory.allocate(device, dtype, count), isIdle, leftovers, new AtomicBoolean());
    }

    @Override
    public void copy(TensorBuffer from, TensorBuffer to) {
      memory.copy(from, to);
    }

    @Override
    public void enqueueCopy(TensorBuffer from, TensorBuffer to) {
      memory.enqueueCopy(from, to);
    }

    @Override
    public void enqueueZero(TensorBuffer buffer) {
      memory.enqueueZero(buffer);
    }

    @Override
    public void synchronize(Device device) {
      memory.synchronize(device);
    }
  }

  private record LentPiece(
      DeviceMemory.Piece piece, BooleanSupplier isIdle, Leftovers leftovers, AtomicBoolean closed)
      implements DeviceMemory.Piece {
    @Override
    public TensorBuffer buffer() {
      return piece.buffer();
    }

    @Override
    public void close() {
      if (!closed.compareAndSet(false, true)) {
        return;
      }
      if (isIdle.getAsBoolean()) {
        piece.close();
      } else {
        leftovers.take(piece);
      }
    }
  }
}
