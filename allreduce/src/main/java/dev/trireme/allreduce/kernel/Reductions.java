package dev.trireme.allreduce.kernel;

import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.tensor.DType;
import java.util.EnumMap;
import java.util.Map;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.openblas.global.openblas_nolapack;

/**
 * The kernels of one process group, made when first asked for: every dtype with every operation.
 *
 * <ul>
 *   <li>Sums of floating-point elements: IEEE 754, each addition rounded to the nearest. NaN and
 *       infinities spread as there, overflow is an infinity, subnormal numbers are kept, -0.0 +
 *       -0.0 is -0.0. 16-bit elements are added in float32 (see {@link HalfSum} for how often they
 *       are rounded). Which NaN a sum with NaNs gives is not said.
 *   <li>Sums of integers wrap around.
 *   <li>A mean is the sum divided by the world size; of integers the wrapped sum, cut towards zero.
 *   <li>Minimum and maximum: a NaN wins, -0.0 is below 0.0, the bits of the winner are kept.
 *   <li>UINT8 is without a sign throughout.
 * </ul>
 *
 * <p>Speed in 10^9 bytes of one rank's elements a second, in blocks that stay in the cache, with
 * the first compiler alone (as ranks run), one core of a shared AMD EPYC with other work beside it,
 * by {@code KernelBench} of this module's tests: sums of FLOAT32 and FLOAT64 54, of INT32, INT64
 * and UINT8 5 to 6, of BFLOAT16 0.4, of FLOAT16 0.2; minimum and maximum 0.6 to 1.6 for every
 * dtype.
 *
 * <p>Threading: one thread at a time, as the kernels themselves.
 */
public final class Reductions {
  private final Map<DType, Map<ReduceOp, Reduction>> made = new EnumMap<>(DType.class);

  /** The kernel for this dtype and operation; every pair has one. */
  public Reduction of(DType dtype, ReduceOp op) {
    return made.computeIfAbsent(dtype, d -> new EnumMap<>(ReduceOp.class))
        .computeIfAbsent(op, o -> make(dtype, o));
  }

  /** Loads the native kernels, which takes up to a second, so that no collective pays for it. */
  public static void load() {
    Loader.load(openblas_nolapack.class);
  }

  private static Reduction make(DType dtype, ReduceOp op) {
    if (op == ReduceOp.MIN || op == ReduceOp.MAX) {
      return new LaneSelect(dtype, op);
    }
    return switch (dtype) {
      case FLOAT32 -> new BlasSum.Float32(op);
      case FLOAT64 -> new BlasSum.Float64(op);
      case BFLOAT16, FLOAT16 -> new HalfSum(dtype, op);
      case INT32, INT64, UINT8 -> new LaneSum(dtype, op);
    };
  }
}
