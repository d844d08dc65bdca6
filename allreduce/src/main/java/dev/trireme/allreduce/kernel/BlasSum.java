package dev.trireme.allreduce.kernel;

import static org.bytedeco.openblas.global.openblas_nolapack.cblas_daxpy;
import static org.bytedeco.openblas.global.openblas_nolapack.cblas_saxpy;

import dev.trireme.api.collective.ReduceOp;
import org.agrona.UnsafeApi;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;

/**
 * Sums of floating-point elements by OpenBLAS: y += 1 * x, which is exact in each addition. Java 17
 * has no loop over native memory that its compiler vectorises; OpenBLAS picks the widest
 * instructions of the machine.
 *
 * <p>The work is cut into blocks of at most {@value #BLOCK} elements. OpenBLAS gives a vector to
 * several threads only above 10,000 elements, so it stays on the calling thread here whatever
 * number of threads the process has set for its own algebra.
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
      for (long at = destination; mean && at < destination + count * Float.BYTES; at += 4) {
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
      for (long at = destination; mean && at < destination + count * Double.BYTES; at += 8) {
        UnsafeApi.putDouble(at, UnsafeApi.getDouble(at) / worldSize);
      }
    }
  }

  /** A pointer that owns nothing and can be moved without an allocation. */
  private static final class FloatAt extends FloatPointer {
    private static final long serialVersionUID = 1L;

    FloatAt() {
      super((Pointer) null);
    }

    void move(long to) {
      address = to;
    }
  }

  private static final class DoubleAt extends DoublePointer {
    private static final long serialVersionUID = 1L;

    DoubleAt() {
      super((Pointer) null);
    }

    void move(long to) {
      address = to;
    }
  }
}
