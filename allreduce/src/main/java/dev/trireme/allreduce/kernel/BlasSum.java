package dev.trireme.allreduce.kernel;

import static org.bytedeco.openblas.global.openblas_nolapack.cblas_daxpy;
import static org.bytedeco.openblas.global.openblas_nolapack.cblas_dscal;
import static org.bytedeco.openblas.global.openblas_nolapack.cblas_saxpy;
import static org.bytedeco.openblas.global.openblas_nolapack.cblas_sscal;

import dev.trireme.api.collective.ReduceOp;
import org.agrona.UnsafeApi;

/**
 * Sums of floating-point elements by OpenBLAS: y += 1 * x, which is exact in each addition. Java 17
 * has no loop over native memory that its compiler vectorises; OpenBLAS picks the widest
 * instructions of the machine.
 *
 * <p>The work is cut into blocks of at most {@value #BLOCK} elements. OpenBLAS gives a vector to
 * several threads only above 10,000 elements, so it stays on the calling thread here whatever
 * number of threads the process has set for its own algebra.
 *
 * <p>A mean divides; where the world size is a power of two it multiplies by the inverse, which
 * rounds to the same bits.
 */
final class BlasSum {
  /** Elements handed to OpenBLAS at once. */
  static final int BLOCK = 8192;

  private BlasSum() {}

  static final class Float32 implements Reduction {
    private final FloatAt x = new FloatAt();
    private final FloatAt y = new FloatAt();
    private final boolean mean;

    Float32(ReduceOp op) {
      this.mean = op == ReduceOp.MEAN;
    }

    @Override
    public void combine(long destination, long source, long count) {
      for (long at = 0; at < count; at += BLOCK) {
        x.move(source + at * Float.BYTES);
        y.move(destination + at * Float.BYTES);
        cblas_saxpy((int) Math.min(BLOCK, count - at), 1f, x, 1, y, 1);
      }
    }

    @Override
    public void finish(long destination, long count, int worldSize) {
      if (!mean || worldSize == 1) {
        return;
      }
      if (Integer.bitCount(worldSize) == 1) {
        for (long at = 0; at < count; at += BLOCK) {
          y.move(destination + at * Float.BYTES);
          cblas_sscal((int) Math.min(BLOCK, count - at), 1f / worldSize, y, 1);
        }
        return;
      }
      for (long at = destination; at < destination + count * Float.BYTES; at += Float.BYTES) {
        UnsafeApi.putFloat(at, UnsafeApi.getFloat(at) / worldSize);
      }
    }
  }

  static final class Float64 implements Reduction {
    private final DoubleAt x = new DoubleAt();
    private final DoubleAt y = new DoubleAt();
    private final boolean mean;

    Float64(ReduceOp op) {
      this.mean = op == ReduceOp.MEAN;
    }

    @Override
    public void combine(long destination, long source, long count) {
      for (long at = 0; at < count; at += BLOCK) {
        x.move(source + at * Double.BYTES);
        y.move(destination + at * Double.BYTES);
        cblas_daxpy((int) Math.min(BLOCK, count - at), 1d, x, 1, y, 1);
      }
    }

    @Override
    public void finish(long destination, long count, int worldSize) {
      if (!mean || worldSize == 1) {
        return;
      }
      if (Integer.bitCount(worldSize) == 1) {
        for (long at = 0; at < count; at += BLOCK) {
          y.move(destination + at * Double.BYTES);
          cblas_dscal((int) Math.min(BLOCK, count - at), 1d / worldSize, y, 1);
        }
        return;
      }
      for (long at = destination; at < destination + count * Double.BYTES; at += Double.BYTES) {
        UnsafeApi.putDouble(at, UnsafeApi.getDouble(at) / worldSize);
      }
    }
  }
}
