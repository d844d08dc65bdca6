package dev.trireme.allreduce.kernel;

import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.tensor.DType;
import org.agrona.UnsafeApi;

/**
 * Minimum and maximum of every dtype, on the bits alone: nothing is converted or rounded. -0.0 is
 * below 0.0. A NaN wins over every number and keeps its bits; of two, the destination's stays.
 *
 * <p>Each lane is turned into a key whose order without sign is that of the elements: integers with
 * a sign get their top bit flipped; floating-point elements too, and negative ones all of their
 * bits. Keys are compared in all lanes at once by a subtraction whose borrows stay inside their
 * lanes; the outcome, spread over its lane, picks one of the two. Words that hold a NaN, told by a
 * magnitude above infinity's, take a detour.
 *
 * <p>About 30 instructions a word of 1 to 8 elements.
 */
final class LaneSelect extends Lanes.WordReduction {
  private final int bits;
  private final boolean max;
  private final long tops;

  /** What flips the top bit of dtypes that have a sign. */
  private final long sign;

  /** All ones for floating-point dtypes, else 0. */
  private final long floating;

  /** In each lane, what lifts exactly the magnitudes of NaNs to the top bit; 0 for integers. */
  private final long toNan;

  LaneSelect(DType dtype, ReduceOp op) {
    super(dtype);
    this.bits = 8 * dtype.bytes();
    this.max = op == ReduceOp.MAX;
    this.tops = Lanes.tops(bits);
    this.sign = dtype == DType.UINT8 ? 0 : tops;
    long nan =
        switch (dtype) {
          case FLOAT64 -> (1L << 52) - 1;
          case FLOAT32 -> (1L << 23) - 1;
          case FLOAT16 -> (1L << 10) - 1;
          case BFLOAT16 -> (1L << 7) - 1;
          default -> 0;
        };
    this.floating = nan == 0 ? 0 : -1L;
    this.toNan = nan * Lanes.ones(bits);
  }

  @Override
  void words(long destination, long source, long words) {
    long end = destination + 8 * words;
    long shift = source - destination;
    long h = tops;
    long low = ~tops;
    long nan = toNan;
    long flip = sign;
    long real = floating;
    int top = bits - 1;
    long opposite = max ? -1L : 0;
    for (long at = destination; at < end; at += 8) {
      long a = UnsafeApi.getLong(at);
      long b = UnsafeApi.getLong(at + shift);
      if (((((a & low) + nan) | ((b & low) + nan)) & h & real) != 0) {
        UnsafeApi.putLong(at, withNan(a, b));
        continue;
      }
      long sa = (a & h & real) >>> top;
      long sb = (b & h & real) >>> top;
      long x = a ^ flip ^ (((sa << top) - sa) & low);
      long y = b ^ flip ^ (((sb << top) - sb) & low);
      long below = ((~x & y) | (~(x ^ y) & ~((x | h) - (y & low)))) & h;
      long one = below >>> top;
      long pick = (((one << top) - one) | below) ^ opposite;
      UnsafeApi.putLong(at, b ^ ((a ^ b) & pick));
    }
  }

  @Override
  long word(long a, long b) {
    return nans(a) == 0 && nans(b) == 0 ? select(a, b) : withNan(a, b);
  }

  private long withNan(long a, long b) {
    long nanA = nans(a);
    long nanB = nans(b) & ~nanA;
    return (select(a, b) & ~nanA & ~nanB) | (a & nanA) | (b & nanB);
  }

  private long select(long a, long b) {
    long x = key(a);
    long y = key(b);
    long below = (~x & y) | (~(x ^ y) & ~((x | tops) - (y & ~tops)));
    long pick = spread(below);
    return b ^ ((a ^ b) & (max ? ~pick : pick));
  }

  private long key(long a) {
    return a ^ sign ^ (spread(a & floating) & ~tops);
  }

  /** All bits of the lanes that hold a NaN. */
  private long nans(long a) {
    return spread(((a & ~tops) + toNan) & floating);
  }

  /** Copies each lane's top bit into all of the lane. */
  private long spread(long a) {
    long top = a & tops;
    long one = top >>> (bits - 1);
    return ((one << (bits - 1)) - one) | top;
  }
}
