package dev.trireme.allreduce.kernel;

import static org.bytedeco.openblas.global.openblas_nolapack.cblas_saxpy;
import static org.bytedeco.openblas.global.openblas_nolapack.cblas_sscal;

import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.tensor.DType;
import org.bytedeco.javacpp.FloatPointer;

/**
 * Sums and means of BFLOAT16 and FLOAT16, added in float32. A block of elements is widened into
 * scratch memory that stays in a first-level cache, OpenBLAS adds, and the block is narrowed back.
 *
 * <p>{@link #reduceAll} rounds to 16 bits once, whatever the number of ranks; so do the algorithms
 * built on it (direct, and owner within a host). Those that combine two ranks at a time (ring and
 * tree, and owner between hosts, where elements are added as they arrive) round with every
 * addition: up to W-1 times for a sum over W ranks, and once more for a mean.
 */
final class HalfSum implements Reduction {
  private static final int BLOCK = HalfFloats.BLOCK;

  private final HalfFloats halves;
  private final BlasSum.Float32 wide;
  private final boolean mean;

  /** Room for the sum and for one rank's elements; freed by JavaCPP once this is unreachable. */
  private final FloatPointer scratch = new FloatPointer(2L * BLOCK);

  private final long sumAt = scratch.address();
  private final FloatAt sum = new FloatAt();
  private final FloatAt part = new FloatAt();

  HalfSum(DType dtype, ReduceOp op) {
    this.halves = new HalfFloats(dtype);
    this.wide = new BlasSum.Float32(op);
    this.mean = op == ReduceOp.MEAN;
    sum.move(sumAt);
    part.move(sumAt + 4L * BLOCK);
  }

  @Override
  public void combine(long destination, long source, long count) {
    for (long at = 0; at < count; at += BLOCK) {
      int length = (int) Math.min(BLOCK, count - at);
      load(destination + 2 * at, length);
      add(source + 2 * at, length);
      halves.narrow(sumAt, destination + 2 * at, length);
    }
  }

  @Override
  public void finish(long destination, long count, int worldSize) {
    for (long at = 0; mean && at < count; at += BLOCK) {
      int length = (int) Math.min(BLOCK, count - at);
      load(destination + 2 * at, length);
      wide.finish(sumAt, length, worldSize);
      halves.narrow(sumAt, destination + 2 * at, length);
    }
  }

  @Override
  public void reduceAll(long destination, long[] sources, int own, long offset, long count) {
    for (long at = 0; at < count; at += BLOCK) {
      int length = (int) Math.min(BLOCK, count - at);
      load(destination + 2 * at, length);
      for (int rank = 0; rank < sources.length; rank++) {
        if (rank != own) {
          add(sources[rank] + offset + 2 * at, length);
        }
      }
      wide.finish(sumAt, length, sources.length);
      halves.narrow(sumAt, destination + 2 * at, length);
    }
  }

  private void load(long from, int length) {
    halves.widenScaled(from, sumAt, length);
    if (halves.scale() != 1) {
      cblas_sscal(length, halves.scale(), sum, 1);
    }
  }

  private void add(long from, int length) {
    halves.widenScaled(from, part.address(), length);
    cblas_saxpy(length, halves.scale(), part, 1, sum, 1);
  }
}
