package dev.trireme.ps.shard;

import static org.bytedeco.openblas.global.openblas_nolapack.cblas_saxpy;
import static org.bytedeco.openblas.global.openblas_nolapack.cblas_sscal;

import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.openblas.global.openblas_nolapack;

/**
 * Arithmetic on float32 in native memory by OpenBLAS: a server runs with the JVM's first compiler
 * alone, which vectorises no loop. Every element is rounded once an operation and products are
 * never fused with sums, so the bits are those of a plain loop, on any processor.
 *
 * <p>OpenBLAS gives a vector to several threads only above 10,000 elements: with at most {@value
 * #BLOCK} at once all of it stays on the calling thread.
 *
 * <p>Threading: one thread at a time an instance. Blocking: never.
 */
final class Vectors {
  /** The most elements of one operation: two such vectors stay in the first-level cache. */
  static final int BLOCK = 4096;

  private final At x = new At();
  private final At y = new At();

  /** Owns nothing, and can be moved without an allocation. */
  private static final class At extends FloatPointer {
    private static final long serialVersionUID = 1L;

    At() {
      super((Pointer) null);
    }

    At to(long place) {
      address = place;
      return this;
    }
  }

  /** Loads OpenBLAS, which takes up to a second, unless it is there. */
  Vectors() {
    Loader.load(openblas_nolapack.class);
  }

  /** sum[i] += term[i]. */
  void add(long sum, long term, int count) {
    cblas_saxpy(count, 1f, x.to(term), 1, y.to(sum), 1);
  }

  /** vector[i] *= factor. */
  void scale(long vector, float factor, int count) {
    cblas_sscal(count, factor, x.to(vector), 1);
  }
}
