package dev.trireme.api.tensor;

import java.util.Objects;

/**
 * A contiguous stretch of elements at a native address: what collectives, checkpoints and engines
 * hand to each other. It owns nothing; whoever allocated the memory must keep it alive for as long
 * as the buffer is in use, and a buffer used after that is undefined behaviour, as in C.
 *
 * @param address of the first element, in the address space of {@code device}
 * @param dtype of every element
 * @param count of elements, at least 0
 * @param device where the memory stands
 */
public record TensorBuffer(long address, DType dtype, long count, Device device) {
  /** No elements, nowhere. */
  public static final TensorBuffer NONE = cpu(0, DType.UINT8, 0);

  public TensorBuffer {
    Objects.requireNonNull(dtype, "dtype");
    Objects.requireNonNull(device, "device");
    if (count < 0) {
      throw new IllegalArgumentException("count is " + count + ", expected 0 or more");
    }
    if (count > Long.MAX_VALUE / dtype.bytes()) {
      throw new IllegalArgumentException(
          "no memory holds " + count + " elements of " + dtype.bytes() + " bytes");
    }
    if (address == 0 && count > 0) {
      throw new IllegalArgumentException("a buffer of " + count + " elements has no address");
    }
  }

  /** The buffer of {@code count} elements at {@code address} in the host's memory. */
  public static TensorBuffer cpu(long address, DType dtype, long count) {
    return new TensorBuffer(address, dtype, count, Device.CPU);
  }

  /** The size in bytes. */
  public long byteCount() {
    return count * dtype.bytes();
  }

  /**
   * The elements {@code [from, from + length)} of this buffer, in the same memory.
   *
   * @throws IndexOutOfBoundsException when that range is not inside this buffer
   */
  public TensorBuffer slice(long from, long length) {
    Objects.checkFromIndexSize(from, length, count);
    return new TensorBuffer(address + from * dtype.bytes(), dtype, length, device);
  }

  /** The same memory as bytes. */
  public TensorBuffer bytes() {
    return new TensorBuffer(address, DType.UINT8, byteCount(), device);
  }

  /**
   * Makes sure that one can be copied onto the other.
   *
   * @throws IllegalArgumentException when dtypes or counts differ
   */
  public void requireSameElements(TensorBuffer other) {
    if (dtype != other.dtype || count != other.count) {
      throw new IllegalArgumentException(
          "expected as many elements of one dtype, found "
              + count
              + " "
              + dtype
              + " and "
              + other.count
              + " "
              + other.dtype);
    }
  }
}
