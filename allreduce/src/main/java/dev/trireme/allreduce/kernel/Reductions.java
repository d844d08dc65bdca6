package dev.trireme.allreduce.kernel;

import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.tensor.DType;
import java.util.EnumMap;
import java.util.Map;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.openblas.global.openblas_nolapack;

/**
 * The kernels of one process group, made when first asked for.
 *
 * <p>Threading: one thread at a time, as the kernels themselves.
 */
public final class Reductions {
  private final Map<DType, Map<ReduceOp, Reduction>> made = new EnumMap<>(DType.class);

  /**
   * The kernel for this dtype and operation.
   *
   * @throws IllegalArgumentException when there is none
   */
  public Reduction of(DType dtype, ReduceOp op) {
    return made.computeIfAbsent(dtype, d -> new EnumMap<>(ReduceOp.class))
        .computeIfAbsent(op, o -> make(dtype, o));
  }

  /**
   * Refuses what no kernel exists for.
   *
   * @throws IllegalArgumentException saying which dtypes can be reduced
   */
  public static void requireSupported(DType dtype) {
    switch (dtype) {
      case FLOAT32, FLOAT64, INT32, INT64 -> {}
      default ->
          throw new IllegalArgumentException(
              "cannot reduce "
                  + dtype
                  + ": expected FLOAT32, FLOAT64, INT32 or INT64; convert the buffer first");
    }
  }

  /** Loads the native kernels, which takes up to a second, so that no collective pays for it. */
  public static void load() {
    Loader.load(openblas_nolapack.class);
  }

  private static Reduction make(DType dtype, ReduceOp op) {
    requireSupported(dtype);
    boolean sums = op == ReduceOp.SUM || op == ReduceOp.MEAN;
    return switch (dtype) {
      case FLOAT32 -> sums ? new BlasSum.Float32(op) : new ElementLoops.Float32(op);
      case FLOAT64 -> sums ? new BlasSum.Float64(op) : new ElementLoops.Float64(op);
      case INT32 -> new ElementLoops.Int32(op);
      default -> new ElementLoops.Int64(op);
    };
  }
}
