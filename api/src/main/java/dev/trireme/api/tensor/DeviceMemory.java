package dev.trireme.api.tensor;

import java.util.Optional;

/**
 * Memory of the host and of devices, for those who hold {@link TensorBuffer}s and no engine: the
 * exchange, checkpoints and whoever hands a replica's state on need no more of a device than this.
 *
 * <p>Order: whatever is said here comes after all work that has been put on the device's compute
 * stream before, and before all that is put there later; so a copy out of a tensor sees what the
 * operators called before have computed. The compute stream is the device's default one.
 *
 * <p>Threading: any thread; calls of several threads come in some order. Errors: a device that has
 * no memory left or has failed is an {@link IllegalStateException} that names the device, what was
 * asked for, and what is free; none of that is worth a retry in the same process.
 */
public interface DeviceMemory {
  /** That of a process without devices besides the CPU. */
  DeviceMemory HOST = new HostMemory();

  /** A piece of memory with an owner. */
  interface Piece extends AutoCloseable {
    /** Where it is. */
    TensorBuffer buffer();

    /** Frees it, once what was enqueued on it has ended; repeats are ignored. */
    @Override
    void close();
  }

  /** Adds up tensors of one device where they stand. */
  @FunctionalInterface
  interface Adder {
    /**
     * Adds {@code from} to {@code onto} element by element, in the order of the compute stream. The
     * sum is rounded once to the dtype, so that it is the same bits as the host's.
     *
     * @param from a floating-point dtype, on the adder's device
     * @param onto as many of the same dtype, on the same device
     */
    void enqueueAdd(TensorBuffer from, TensorBuffer onto);
  }

  /**
   * What adds up tensors of this device; it lasts as long as this memory. May take some tenths of a
   * second the first time.
   *
   * @return empty where there is nothing that could: sums are then made on the host
   */
  default Optional<Adder> adder(Device device) {
    return Optional.empty();
  }

  /**
   * Zeroed memory of {@code count} elements. On the CPU, beside a device, it is page-locked, so
   * that copies between the two need no detour.
   *
   * @param count at least 0
   */
  Piece allocate(Device device, DType dtype, long count);

  /**
   * Copies, and returns when the copy is there. Each of the two may stand on the host or on a
   * device; they must not overlap.
   *
   * @throws IllegalArgumentException when dtypes or counts differ
   */
  void copy(TensorBuffer from, TensorBuffer to);

  /**
   * Copies in the order of the compute stream and may return before the copy has been done: on the
   * host, the memory may be used only after {@link #synchronize}.
   *
   * @throws IllegalArgumentException when dtypes or counts differ
   */
  void enqueueCopy(TensorBuffer from, TensorBuffer to);

  /** Sets all bytes to zero, in the order of the compute stream. */
  void enqueueZero(TensorBuffer buffer);

  /** Waits until all that was put on the device's compute stream has been done. */
  void synchronize(Device device);
}
