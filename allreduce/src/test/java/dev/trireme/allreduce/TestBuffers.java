package dev.trireme.allreduce;

import dev.trireme.allreduce.cuda.CudaMemory;
import dev.trireme.allreduce.kernel.ScalarReference;
import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Device;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.function.Consumer;

/**
 * Fills, reads and predicts buffers. Values are small and whole: exact in every dtype and order,
 * but for sums above 256 in BFLOAT16.
 */
public final class TestBuffers {
  private TestBuffers() {}

  /** What {@code rank} contributes at {@code index}. */
  public static long value(int rank, long index) {
    return new SplittableRandom(31L * rank + 1_000_003 * index).nextInt(-100, 101);
  }

  public static void fill(TensorBuffer buffer, int rank) {
    byte[] bytes = new byte[(int) buffer.byteCount()];
    ByteBuffer view = ByteBuffer.wrap(bytes).order(ByteOrder.nativeOrder());
    for (int i = 0; i < buffer.count(); i++) {
      put(view, buffer.dtype(), i, value(rank, i));
    }
    onHost(buffer, host -> NativeMemory.write(bytes, 0, bytes.length, host.address()), true);
  }

  public static double[] read(TensorBuffer buffer) {
    ByteBuffer view = ByteBuffer.wrap(bytes(buffer)).order(ByteOrder.nativeOrder());
    double[] values = new double[(int) buffer.count()];
    for (int i = 0; i < values.length; i++) {
      values[i] =
          switch (buffer.dtype()) {
            case FLOAT32 -> view.getFloat(4 * i);
            case FLOAT64 -> view.getDouble(8 * i);
            case INT32 -> view.getInt(4 * i);
            case INT64 -> view.getLong(8 * i);
            case BFLOAT16, FLOAT16 -> ScalarReference.toFloat(buffer.dtype(), view.getShort(2 * i));
            case UINT8 -> view.get(i) & 0xff;
          };
    }
    return values;
  }

  /** A hash of the bits. */
  public static int bits(TensorBuffer buffer) {
    return Arrays.hashCode(bytes(buffer));
  }

  private static byte[] bytes(TensorBuffer buffer) {
    byte[] bytes = new byte[(int) buffer.byteCount()];
    onHost(buffer, host -> NativeMemory.read(host.address(), bytes, 0, bytes.length), false);
    return bytes;
  }

  /** Memory of a device is only reached by copies. */
  private static void onHost(TensorBuffer buffer, Consumer<TensorBuffer> work, boolean writes) {
    if (buffer.byteCount() == 0) {
      return;
    }
    if (buffer.device().equals(Device.CPU)) {
      work.accept(buffer);
      return;
    }
    CudaMemory memory = new CudaMemory(buffer.device());
    try (NativeMemory.Block block = NativeMemory.allocate(buffer.byteCount(), 64)) {
      TensorBuffer host = block.buffer(buffer.dtype(), buffer.count());
      if (!writes) {
        memory.copy(buffer, host);
      }
      work.accept(host);
      if (writes) {
        memory.copy(host, buffer);
      }
    }
  }

  public static double[] expected(int worldSize, long count, DType dtype, ReduceOp op) {
    double[] values = new double[(int) count];
    for (int i = 0; i < count; i++) {
      double reduced = element(0, i, dtype);
      for (int rank = 1; rank < worldSize; rank++) {
        double next = element(rank, i, dtype);
        reduced =
            switch (op) {
              case SUM, MEAN -> reduced + next;
              case MIN -> Math.min(reduced, next);
              case MAX -> Math.max(reduced, next);
            };
      }
      if (dtype == DType.UINT8 && op == ReduceOp.SUM) {
        reduced = (long) reduced & 0xff;
      }
      values[i] = op == ReduceOp.MEAN ? mean(reduced, worldSize, dtype) : reduced;
    }
    return values;
  }

  private static long element(int rank, long index, DType dtype) {
    long value = value(rank, index);
    return dtype == DType.UINT8 ? value & 0xff : value;
  }

  private static double mean(double sum, int worldSize, DType dtype) {
    return switch (dtype) {
      case FLOAT32, BFLOAT16 -> (float) sum / worldSize;
      case FLOAT16 ->
          ScalarReference.toFloat(dtype, ScalarReference.ofFloat(dtype, (float) sum / worldSize));
      case UINT8 -> ((long) sum & 0xff) / worldSize;
      case FLOAT64 -> sum / worldSize;
      default -> (double) ((long) sum / worldSize);
    };
  }

  private static void put(ByteBuffer view, DType dtype, int index, long value) {
    switch (dtype) {
      case FLOAT32 -> view.putFloat(4 * index, value);
      case FLOAT64 -> view.putDouble(8 * index, value);
      case INT32 -> view.putInt(4 * index, (int) value);
      case INT64 -> view.putLong(8 * index, value);
      case BFLOAT16, FLOAT16 ->
          view.putShort(2 * index, (short) ScalarReference.ofFloat(dtype, value));
      case UINT8 -> view.put(index, (byte) value);
    }
  }
}
