package dev.trireme.allreduce;

import dev.trireme.allreduce.kernel.ScalarReference;
import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.SplittableRandom;

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
    ByteBuffer view = view(buffer);
    for (int i = 0; i < buffer.count(); i++) {
      put(view, buffer.dtype(), i, value(rank, i));
    }
  }

  public static double[] read(TensorBuffer buffer) {
    ByteBuffer view = view(buffer);
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
    byte[] bytes = new byte[(int) buffer.byteCount()];
    NativeMemory.read(buffer.address(), bytes, 0, bytes.length);
    return Arrays.hashCode(bytes);
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

  private static ByteBuffer view(TensorBuffer buffer) {
    return NativeMemory.view(buffer.address(), (int) buffer.byteCount());
  }
}
