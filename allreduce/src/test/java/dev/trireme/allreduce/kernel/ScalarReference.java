package dev.trireme.allreduce.kernel;

import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.tensor.DType;
import java.nio.ByteBuffer;

/** One element at a time, by Java's own arithmetic: what the kernels have to agree with. */
public final class ScalarReference {
  private ScalarReference() {}

  /** The elements of all ranks at one index as one, in order of rank: its bits. */
  static long reduce(DType dtype, ReduceOp op, long[] bits) {
    long reduced = bits[0];
    if (op == ReduceOp.MIN || op == ReduceOp.MAX) {
      for (int rank = 1; rank < bits.length; rank++) {
        reduced = select(dtype, op == ReduceOp.MAX, reduced, bits[rank]);
      }
      return reduced;
    }
    int divisor = op == ReduceOp.MEAN ? bits.length : 1;
    return switch (dtype) {
      case FLOAT64 -> {
        double sum = Double.longBitsToDouble(reduced);
        for (int rank = 1; rank < bits.length; rank++) {
          sum += Double.longBitsToDouble(bits[rank]);
        }
        yield Double.doubleToLongBits(sum / divisor);
      }
      case FLOAT32, BFLOAT16, FLOAT16 -> {
        float sum = toFloat(dtype, reduced);
        for (int rank = 1; rank < bits.length; rank++) {
          sum += toFloat(dtype, bits[rank]);
        }
        yield ofFloat(dtype, sum / divisor);
      }
      case INT32 -> {
        int sum = 0;
        for (long each : bits) {
          sum += (int) each;
        }
        yield sum / divisor & 0xffffffffL;
      }
      case INT64 -> {
        long sum = 0;
        for (long each : bits) {
          sum += each;
        }
        yield sum / divisor;
      }
      case UINT8 -> {
        int sum = 0;
        for (long each : bits) {
          sum += (int) each;
        }
        yield (sum & 0xff) / divisor;
      }
    };
  }

  private static long select(DType dtype, boolean max, long a, long b) {
    if (isNan(dtype, a) || isNan(dtype, b)) {
      return isNan(dtype, a) ? a : b;
    }
    int order =
        switch (dtype) {
          case FLOAT64 -> Double.compare(Double.longBitsToDouble(a), Double.longBitsToDouble(b));
          case FLOAT32, BFLOAT16, FLOAT16 -> Float.compare(toFloat(dtype, a), toFloat(dtype, b));
          case INT32 -> Integer.compare((int) a, (int) b);
          default -> Long.compare(a, b);
        };
    return (max ? order >= 0 : order <= 0) ? a : b;
  }

  static boolean isNan(DType dtype, long bits) {
    return switch (dtype) {
      case FLOAT64 -> Double.isNaN(Double.longBitsToDouble(bits));
      case FLOAT32, BFLOAT16, FLOAT16 -> Float.isNaN(toFloat(dtype, bits));
      default -> false;
    };
  }

  public static float toFloat(DType dtype, long bits) {
    if (dtype == DType.FLOAT32) {
      return Float.intBitsToFloat((int) bits);
    }
    if (dtype == DType.BFLOAT16) {
      return Float.intBitsToFloat((int) bits << 16);
    }
    int exponent = (int) bits >>> 10 & 0x1f;
    int fraction = (int) bits & 0x3ff;
    float magnitude =
        exponent == 31
            ? fraction == 0 ? Float.POSITIVE_INFINITY : Float.NaN
            : exponent == 0
                ? Math.scalb((float) fraction, -24)
                : Math.scalb((float) (fraction | 0x400), exponent - 25);
    return (bits & 0x8000) == 0 ? magnitude : -magnitude;
  }

  public static long ofFloat(DType dtype, float value) {
    if (dtype == DType.FLOAT32) {
      return Float.floatToIntBits(value) & 0xffffffffL;
    }
    long sign = Float.floatToRawIntBits(value) < 0 ? 0x8000 : 0;
    if (Float.isNaN(value)) {
      return dtype == DType.BFLOAT16 ? 0x7fc0 : 0x7e00;
    }
    int fractionBits = dtype == DType.BFLOAT16 ? 7 : 10;
    int lowest = dtype == DType.BFLOAT16 ? -126 : -14;
    int largest = dtype == DType.BFLOAT16 ? 127 : 15;
    // In float64 nothing below is rounded but by rint, which takes the even of two as near.
    double magnitude = Math.abs((double) value);
    int exponent = magnitude == 0 ? lowest : Math.max(lowest, Math.getExponent(magnitude));
    double steps = Math.rint(Math.scalb(magnitude, fractionBits - exponent));
    // Steps of a normal number count from 2^fractionBits; a carry raises the exponent by itself.
    long biased = exponent - lowest;
    long bits = (long) steps + (biased << fractionBits);
    long infinity = (long) (largest - lowest + 2) << fractionBits;
    return sign | (Double.isInfinite(magnitude) ? infinity : Math.min(bits, infinity));
  }

  static long get(ByteBuffer from, DType dtype, int index) {
    return switch (dtype.bytes()) {
      case 1 -> from.get(index) & 0xff;
      case 2 -> from.getShort(2 * index) & 0xffff;
      case 4 -> from.getInt(4 * index) & 0xffffffffL;
      default -> from.getLong(8 * index);
    };
  }

  static void put(ByteBuffer to, DType dtype, int index, long bits) {
    switch (dtype.bytes()) {
      case 1 -> to.put(index, (byte) bits);
      case 2 -> to.putShort(2 * index, (short) bits);
      case 4 -> to.putInt(4 * index, (int) bits);
      default -> to.putLong(8 * index, bits);
    }
  }
}
