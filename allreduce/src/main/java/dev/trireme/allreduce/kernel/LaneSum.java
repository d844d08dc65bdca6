package dev.trireme.allreduce.kernel;

import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.tensor.DType;
import org.agrona.UnsafeApi;

/**
 * Sums and means of integers. A sum wraps around. A mean is the sum, so wrapped, divided by the
 * world size and cut towards zero; UINT8 is without a sign there.
 *
 * <p>Lanes are added with their top bits masked out, so that no carry leaves a lane, and the top
 * bits are added by exclusive or.
 */
final class LaneSum extends Lanes.WordReduction {
  private final DType dtype;
  private final boolean mean;
  private final long tops;

  LaneSum(DType dtype, ReduceOp op) {
    super(dtype);
    this.dtype = dtype;
    this.mean = op == ReduceOp.MEAN;
    this.tops = Lanes.tops(8 * dtype.bytes());
  }

  @Override
  void words(long destination, long source, long words) {
    long h = tops;
    long low = ~tops;
    long end = destination + 8 * words;
    long shift = source - destination;
    long at = destination;
    for (; at + 16 <= end; at += 16) {
      long a = UnsafeApi.getLong(at);
      long b = UnsafeApi.getLong(at + shift);
      long c = UnsafeApi.getLong(at + 8);
      long d = UnsafeApi.getLong(at + 8 + shift);
      UnsafeApi.putLong(at, ((a & low) + (b & low)) ^ ((a ^ b) & h));
      UnsafeApi.putLong(at + 8, ((c & low) + (d & low)) ^ ((c ^ d) & h));
    }
    if (at < end) {
      UnsafeApi.putLong(at, word(UnsafeApi.getLong(at), UnsafeApi.getLong(at + shift)));
    }
  }

  @Override
  long word(long a, long b) {
    return ((a & ~tops) + (b & ~tops)) ^ ((a ^ b) & tops);
  }

  @Override
  public void finish(long destination, long count, int worldSize) {
    if (!mean || worldSize == 1) {
      return;
    }
    for (long i = 0; i < count; i++) {
      switch (dtype) {
        case UINT8 -> {
          int sum = UnsafeApi.getByte(destination + i) & 0xff;
          UnsafeApi.putByte(destination + i, (byte) (sum / worldSize));
        }
        case INT32 -> {
          long at = destination + 4 * i;
          UnsafeApi.putInt(at, UnsafeApi.getInt(at) / worldSize);
        }
        default -> {
          long at = destination + 8 * i;
          UnsafeApi.putLong(at, UnsafeApi.getLong(at) / worldSize);
        }
      }
    }
  }
}
