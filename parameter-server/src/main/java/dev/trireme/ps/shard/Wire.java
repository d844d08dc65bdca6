package dev.trireme.ps.shard;

import dev.trireme.api.job.CompressionSpec;
import java.nio.ByteBuffer;

/**
 * How an element of a gradient travels: as it is, or in 16 bits, rounded to the nearest, of two as
 * near to the even one. {@link #FLOAT16} overflows to infinity above 65504.
 *
 * <p>Threading: any.
 */
public enum Wire {
  FLOAT32(4),
  FLOAT16(2),
  BFLOAT16(2);

  private static final float FLOAT16_SCALE = 0x1p112f;

  private final int bytes;

  Wire(int bytes) {
    this.bytes = bytes;
  }

  /**
   * What a job asks for.
   *
   * @throws IllegalArgumentException for what needs a residual of each rank
   */
  public static Wire of(CompressionSpec compression) {
    if (compression instanceof CompressionSpec.None) {
      return FLOAT32;
    } else if (compression instanceof CompressionSpec.Float16) {
      return FLOAT16;
    } else if (compression instanceof CompressionSpec.Bfloat16) {
      return BFLOAT16;
    }
    throw new IllegalArgumentException("expected none, float16 or bfloat16, found " + compression);
  }

  /** Bytes of an element. */
  public int bytes() {
    return bytes;
  }

  /**
   * Reads {@code count} elements from byte {@code byteAt} on.
   *
   * @param scratch as long as {@code count} at least
   */
  void read(ByteBuffer from, int byteAt, float[] to, int at, int count, short[] scratch) {
    if (this == FLOAT32) {
      from.slice(byteAt, 4 * count).order(from.order()).asFloatBuffer().get(0, to, at, count);
      return;
    }
    from.slice(byteAt, 2 * count).order(from.order()).asShortBuffer().get(0, scratch, 0, count);
    if (this == BFLOAT16) {
      for (int i = 0; i < count; i++) {
        to[at + i] = Float.intBitsToFloat(scratch[i] << 16);
      }
    } else {
      for (int i = 0; i < count; i++) {
        to[at + i] = fromHalf(scratch[i]);
      }
    }
  }

  /** Writes {@code count} elements from byte {@code byteAt} on. */
  void write(float[] from, int at, ByteBuffer to, int byteAt, int count, short[] scratch) {
    if (this == FLOAT32) {
      to.slice(byteAt, 4 * count).order(to.order()).asFloatBuffer().put(0, from, at, count);
      return;
    }
    for (int i = 0; i < count; i++) {
      int bits = Float.floatToRawIntBits(from[at + i]);
      scratch[i] = this == BFLOAT16 ? toBrain(bits) : toHalf(bits);
    }
    to.slice(byteAt, 2 * count).order(to.order()).asShortBuffer().put(0, scratch, 0, count);
  }

  private static short toBrain(int bits) {
    return (bits & 0x7fffffff) > 0x7f800000
        ? (short) (bits >>> 16 | 0x40)
        : (short) (bits + 0x7fff + (bits >>> 16 & 1) >>> 16);
  }

  /** A half's bits, moved to where a float32 has its own, are that number times 2^-112. */
  private static float fromHalf(short half) {
    int bits = (half & 0x8000) << 16 | (half & 0x7fff) << 13;
    return (half & 0x7c00) == 0x7c00
        ? Float.intBitsToFloat(bits | 0x7f800000)
        : Float.intBitsToFloat(bits) * FLOAT16_SCALE;
  }

  private static short toHalf(int bits) {
    int sign = bits >>> 16 & 0x8000;
    int magnitude = bits & 0x7fffffff;
    if (magnitude > 0x7f800000) {
      return (short) (sign | 0x7e00);
    }
    if (magnitude >= 0x47800000) {
      return (short) (sign | 0x7c00);
    }
    if (magnitude >= 0x38800000) {
      return (short) (sign | magnitude - 0x38000000 + 0xfff + (magnitude >>> 13 & 1) >>> 13);
    }
    // In 0.5 + x the last bit of a float32 is worth 2^-24, as that of a subnormal half.
    float shifted = Float.intBitsToFloat(magnitude) + 0.5f;
    return (short) (sign | Float.floatToRawIntBits(shifted) - 0x3f000000);
  }
}
