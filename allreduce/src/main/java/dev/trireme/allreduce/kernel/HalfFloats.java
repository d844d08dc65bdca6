package dev.trireme.allreduce.kernel;

import static org.bytedeco.openblas.global.openblas_nolapack.cblas_sscal;

import dev.trireme.api.tensor.DType;
import org.agrona.UnsafeApi;

/**
 * Turns BFLOAT16 or FLOAT16 into float32 and back, four elements at a time.
 *
 * <p>Widening is exact. Narrowing rounds to the nearest, of two as near to the even one; what is
 * past the largest number (65504 for FLOAT16, by half a step or more) becomes an infinity, what is
 * below half of the smallest becomes a zero of its sign; a NaN stays a NaN, a quiet one with the
 * upper bits of its payload.
 *
 * <p>BFLOAT16 is the upper half of a float32. A FLOAT16's bits, moved to where a float32 has its
 * own, are that number times 2^-112, subnormal ones included, so one exact multiplication by
 * OpenBLAS gives the number. Infinities and NaNs are told by their exponent and get a float32's.
 *
 * <p>Threading: one thread at a time. Blocking: never. Addresses need no alignment.
 */
public final class HalfFloats {
  /** How many elements are scaled at once: their float32 stay in a first-level cache. */
  static final int BLOCK = 2048;

  private static final float FLOAT16_SCALE = 0x1p112f;
  private static final long TOPS = Lanes.tops(32);

  private final boolean brain;
  private final FloatAt values = new FloatAt();

  /**
   * @param dtype BFLOAT16 or FLOAT16
   */
  public HalfFloats(DType dtype) {
    if (dtype != DType.BFLOAT16 && dtype != DType.FLOAT16) {
      throw new IllegalArgumentException("expected BFLOAT16 or FLOAT16, found " + dtype);
    }
    this.brain = dtype == DType.BFLOAT16;
  }

  /** Writes {@code count} elements at {@code from} to {@code to} as float32. */
  public void widen(long from, long to, long count) {
    for (long at = 0; at < count; at += BLOCK) {
      int length = (int) Math.min(BLOCK, count - at);
      widenScaled(from + 2 * at, to + 4 * at, length);
      if (!brain) {
        values.move(to + 4 * at);
        cblas_sscal(length, FLOAT16_SCALE, values, 1);
      }
    }
  }

  /** Writes {@code count} float32 at {@code from} to {@code to}, rounded. */
  public void narrow(long from, long to, long count) {
    long whole = count & ~3;
    if (brain) {
      narrowBrain(from, to, whole);
    } else {
      narrowHalf(from, to, whole);
    }
    for (long i = whole; i < count; i++) {
      int bits = UnsafeApi.getInt(from + 4 * i);
      UnsafeApi.putShort(to + 2 * i, brain ? toBrain(bits) : toHalf(bits));
    }
  }

  /** What {@link #widenScaled} has left to multiply by. */
  float scale() {
    return brain ? 1 : FLOAT16_SCALE;
  }

  /** {@link #widen} without the multiplication by {@link #scale}. */
  void widenScaled(long from, long to, long count) {
    long whole = count & ~3;
    if (brain) {
      widenBrain(from, to, whole);
    } else {
      widenHalf(from, to, whole);
    }
    for (long i = whole; i < count; i++) {
      long bits = UnsafeApi.getShort(from + 2 * i) & 0xffff;
      UnsafeApi.putInt(to + 4 * i, (int) (brain ? bits << 16 : expand(bits)));
    }
  }

  private static void widenBrain(long from, long to, long count) {
    for (long i = 0; i < count; i += 4) {
      long four = UnsafeApi.getLong(from + 2 * i);
      UnsafeApi.putLong(to + 4 * i, (four & 0xffffL) << 16 | (four & 0xffff0000L) << 32);
      UnsafeApi.putLong(to + 4 * i + 8, (four >>> 16 & 0xffff0000L) | (four & 0xffffL << 48));
    }
  }

  private static void widenHalf(long from, long to, long count) {
    for (long i = 0; i < count; i += 4) {
      long four = UnsafeApi.getLong(from + 2 * i);
      UnsafeApi.putLong(to + 4 * i, expand((four & 0xffffL) | (four & 0xffff0000L) << 16));
      UnsafeApi.putLong(to + 4 * i + 8, expand((four >>> 32 & 0xffffL) | (four >>> 48) << 32));
    }
  }

  /** Two FLOAT16, each in the low half of a 32-bit lane, as two float32 over 2^112. */
  private static long expand(long two) {
    long expanded = (two & 0x8000_00008000L) << 16 | (two & 0x7fff_00007fffL) << 13;
    long special = (two & 0x7c00_00007c00L) + 0x0400_00000400L & 0x8000_00008000L;
    return special == 0 ? expanded : expanded | (special >>> 15) * 0x7f80_0000L;
  }

  /** Adds just under half of the part cut off, and its last kept bit: nearest, ties to even. */
  private static void narrowBrain(long from, long to, long count) {
    for (long i = 0; i < count; i += 4) {
      long a = UnsafeApi.getLong(from + 4 * i);
      long b = UnsafeApi.getLong(from + 4 * i + 8);
      long nan = ((a & ~TOPS) + 0x007fffff_007fffffL | (b & ~TOPS) + 0x007fffff_007fffffL) & TOPS;
      if (nan == 0) {
        long x = a + 0x7fff_00007fffL + (a >>> 16 & 0x1_00000001L);
        long y = b + 0x7fff_00007fffL + (b >>> 16 & 0x1_00000001L);
        UnsafeApi.putLong(
            to + 2 * i,
            (x >>> 16 & 0xffffL)
                | (x >>> 32 & 0xffff0000L)
                | (y << 16 & 0xffffL << 32)
                | (y & 0xffffL << 48));
      } else {
        UnsafeApi.putLong(
            to + 2 * i,
            pack(
                toBrain((int) a),
                toBrain((int) (a >>> 32)),
                toBrain((int) b),
                toBrain((int) (b >>> 32))));
      }
    }
  }

  /** Pairs of numbers that are normal as FLOAT16 go together, others one by one. */
  private static void narrowHalf(long from, long to, long count) {
    for (long i = 0; i < count; i += 4) {
      long a = UnsafeApi.getLong(from + 4 * i);
      long b = UnsafeApi.getLong(from + 4 * i + 8);
      long x = narrowPair(a);
      long y = narrowPair(b);
      UnsafeApi.putLong(to + 2 * i, x | y << 32);
    }
  }

  private static long narrowPair(long a) {
    long magnitude = a & ~TOPS;
    long large = (magnitude | TOPS) - 0x38800000_38800000L;
    long huge = magnitude + 0x38800000_38800000L;
    if ((large & ~huge & TOPS) != TOPS) {
      return toHalf((int) a) & 0xffffL | (toHalf((int) (a >>> 32)) & 0xffffL) << 16;
    }
    long odd = magnitude >>> 13 & 0x1_00000001L;
    long rounded = magnitude - 0x38000000_38000000L + 0x0fff_00000fffL + odd;
    long halves = rounded >>> 13 & 0x7fff_00007fffL | a >>> 16 & 0x8000_00008000L;
    return halves & 0xffffL | halves >>> 16 & 0xffff0000L;
  }

  private static long pack(short a, short b, short c, short d) {
    return a & 0xffffL | (b & 0xffffL) << 16 | (c & 0xffffL) << 32 | (d & 0xffffL) << 48;
  }

  static short toBrain(int bits) {
    if ((bits & 0x7fffffff) > 0x7f800000) {
      return (short) (bits >>> 16 | 0x40);
    }
    return (short) (bits + 0x7fff + (bits >>> 16 & 1) >>> 16);
  }

  static short toHalf(int bits) {
    int sign = bits >>> 16 & 0x8000;
    int magnitude = bits & 0x7fffffff;
    if (magnitude > 0x7f800000) {
      return (short) (sign | 0x7e00 | magnitude >>> 13 & 0x3ff);
    }
    if (magnitude >= 0x47800000) {
      return (short) (sign | 0x7c00);
    }
    if (magnitude >= 0x38800000) {
      return (short) (sign | magnitude - 0x38000000 + 0xfff + (magnitude >>> 13 & 1) >>> 13);
    }
    // In 0.5 + x the last bit of a float32 is worth 2^-24, as that of a subnormal FLOAT16.
    float shifted = Float.intBitsToFloat(magnitude) + 0.5f;
    return (short) (sign | Float.floatToRawIntBits(shifted) - 0x3f000000);
  }
}
