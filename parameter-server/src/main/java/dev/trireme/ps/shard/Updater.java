package dev.trireme.ps.shard;

import dev.trireme.api.job.OptimizerSpec;
import dev.trireme.api.tensor.NativeMemory;
import java.nio.FloatBuffer;
import java.util.List;

/**
 * An optimizer over one stretch of native memory: parameters and slots are updated in place.
 *
 * <p>Formulas: those of the engine's optimizers, in float32 with the same order of operations, so
 * that a run under a parameter server ends where one under all-reduce does. sgd as Sutskever et al.
 * (2013) in PyTorch's form; adam as Kingma and Ba (2015) with the L2 penalty in the gradient; adamw
 * as Loshchilov and Hutter (2019); adagrad as Duchi, Hazan and Singer (2011) in PyTorch's form.
 *
 * <p>Cost: one pass, in pieces that stay in the first-level cache. sgd, which is sums and products
 * alone, is left to {@link Vectors}; what has roots and quotients goes through arrays of {@value
 * #CHUNK} elements, as rows of tables do.
 *
 * <p>Threading: one thread an instance; one writer a stretch.
 */
public abstract class Updater {
  static final int CHUNK = Packing.CHUNK;

  /** What {@link #stretch} works in: twice a {@link Vectors#BLOCK}. */
  static final long SCRATCH_BYTES = 2L * Float.BYTES * Vectors.BLOCK;

  private final float[] parameter = new float[CHUNK];
  private final float[] gradient = new float[CHUNK];
  private final float[][] slots;
  private final List<String> slotNames;

  Updater(String... slotNames) {
    this.slotNames = List.of(slotNames);
    this.slots = new float[slotNames.length][CHUNK];
  }

  /** The optimizer of a job. */
  public static Updater of(OptimizerSpec spec) {
    if (spec instanceof OptimizerSpec.Sgd sgd) {
      return sgd.momentum() > 0 ? new SgdUpdater.Momentum(sgd) : new SgdUpdater.Plain(sgd);
    }
    if (spec instanceof OptimizerSpec.Adagrad adagrad) {
      return new Squares(adagrad);
    }
    if (spec instanceof OptimizerSpec.Adam a) {
      return new Moments(a.beta1(), a.beta2(), a.eps(), a.weightDecay(), false);
    }
    OptimizerSpec.AdamW a = (OptimizerSpec.AdamW) spec;
    return new Moments(a.beta1(), a.beta2(), a.eps(), a.weightDecay(), true);
  }

  /** The names of the slots, as the engine's optimizer state has them behind a parameter's name. */
  public final List<String> slotNames() {
    return slotNames;
  }

  /**
   * Updates once.
   *
   * @param parameters address of {@code count} float32
   * @param slotAddresses as many of each slot, in order of {@link #slotNames}
   * @param gradients as many; not changed
   * @param learningRate above 0
   * @param updates that these parameters have had, with this one
   */
  public final void update(
      long parameters,
      long[] slotAddresses,
      long gradients,
      long count,
      double learningRate,
      long updates) {
    begin(learningRate, updates);
    long[] slotsAt = new long[slotAddresses.length];
    try (NativeMemory.Block scratch = NativeMemory.allocate(SCRATCH_BYTES, 64)) {
      for (long at = 0; at < count; at += Vectors.BLOCK) {
        int length = (int) Math.min(Vectors.BLOCK, count - at);
        NativeMemory.copy(gradients + 4 * at, scratch.address(), 4L * length);
        for (int i = 0; i < slotsAt.length; i++) {
          slotsAt[i] = slotAddresses[i] + 4 * at;
        }
        stretch(parameters + 4 * at, slotsAt, scratch.address(), length);
      }
    }
  }

  /**
   * Updates a stretch of elements, after {@link #begin}. All addresses are those of its own first
   * element.
   *
   * @param gradients of the stretch at the beginning of {@link #SCRATCH_BYTES} bytes, all of which
   *     are used for the work
   * @param length at most {@link Vectors#BLOCK}
   */
  void stretch(long parameters, long[] slotAddresses, long gradients, int length) {
    FloatBuffer target = view(parameters, length);
    FloatBuffer source = view(gradients, length);
    for (int at = 0; at < length; at += CHUNK) {
      int piece = Math.min(CHUNK, length - at);
      source.get(at, gradient, 0, piece);
      target.get(at, parameter, 0, piece);
      for (int i = 0; i < slots.length; i++) {
        view(slotAddresses[i], length).get(at, slots[i], 0, piece);
      }
      step(parameter, gradient, slots, piece);
      target.put(at, parameter, 0, piece);
      for (int i = 0; i < slots.length; i++) {
        view(slotAddresses[i], length).put(at, slots[i], 0, piece);
      }
    }
  }

  /**
   * Updates some rows of a table, after {@link #begin}; the others, and their slots, stay as they
   * are: what decays (momentum, Adam's means, weight decay) decays only in the steps that touch a
   * row. This is what PyTorch's {@code SparseAdam} does, whose correction of the bias counts all
   * steps, too. For plain sgd and Adagrad without weight decay it is the update with zeros for all
   * other rows.
   *
   * @param count elements of the whole
   * @param rows their numbers, {@code rowCount} of them
   * @param gradients one row after the other
   */
  final void rows(
      long parameters,
      long[] slotAddresses,
      long count,
      int width,
      int[] rows,
      int rowCount,
      float[] gradients) {
    FloatBuffer target = view(parameters, count);
    FloatBuffer[] states = new FloatBuffer[slots.length];
    for (int i = 0; i < slots.length; i++) {
      states[i] = view(slotAddresses[i], count);
    }
    int piece = Math.min(width, CHUNK);
    int atOnce = CHUNK / piece;
    int[] places = new int[atOnce];
    for (int row = 0; row < rowCount; row += atOnce) {
      int number = Math.min(atOnce, rowCount - row);
      for (int part = 0; part < width; part += piece) {
        int length = Math.min(piece, width - part);
        for (int i = 0; i < number; i++) {
          places[i] = rows[row + i] * width + part;
          int from = (row + i) * width + part;
          System.arraycopy(gradients, from, gradient, i * length, length);
          target.get(places[i], parameter, i * length, length);
          for (int slot = 0; slot < slots.length; slot++) {
            states[slot].get(places[i], slots[slot], i * length, length);
          }
        }
        step(parameter, gradient, slots, number * length);
        for (int i = 0; i < number; i++) {
          target.put(places[i], parameter, i * length, length);
          for (int slot = 0; slot < slots.length; slot++) {
            states[slot].put(places[i], slots[slot], i * length, length);
          }
        }
      }
    }
  }

  private static FloatBuffer view(long address, long count) {
    return NativeMemory.view(address, Math.toIntExact(4 * count)).asFloatBuffer();
  }

  /** One update follows, of one or more stretches. */
  abstract void begin(double learningRate, long updates);

  /** Updates the first {@code n} elements; the gradient is scratch. */
  abstract void step(float[] p, float[] g, float[][] slots, int n);

  private static final class Squares extends Updater {
    private final float decay;
    private final float eps;
    private float rate;

    Squares(OptimizerSpec.Adagrad adagrad) {
      super("sum");
      decay = (float) adagrad.weightDecay();
      eps = (float) adagrad.eps();
    }

    @Override
    void begin(double learningRate, long updates) {
      rate = (float) learningRate;
    }

    @Override
    void step(float[] p, float[] g, float[][] slots, int n) {
      float[] sum = slots[0];
      for (int i = 0; i < n; i++) {
        float d = g[i] + decay * p[i];
        sum[i] += d * d;
        p[i] -= rate * d / ((float) Math.sqrt(sum[i]) + eps);
      }
    }
  }

  private static final class Moments extends Updater {
    private final double beta1;
    private final double beta2;
    private final float eps;
    private final double weightDecay;
    private final boolean decoupled;
    private float stepSize;
    private float correction;
    private float shrink;

    Moments(double beta1, double beta2, double eps, double weightDecay, boolean decoupled) {
      super("exp_avg", "exp_avg_sq");
      this.beta1 = beta1;
      this.beta2 = beta2;
      this.eps = (float) eps;
      this.weightDecay = weightDecay;
      this.decoupled = decoupled;
    }

    @Override
    void begin(double learningRate, long updates) {
      stepSize = (float) (learningRate / (1 - Math.pow(beta1, updates)));
      correction = (float) Math.sqrt(1 - Math.pow(beta2, updates));
      shrink = decoupled ? (float) (1 - learningRate * weightDecay) : 1;
    }

    @Override
    void step(float[] p, float[] g, float[][] slots, int n) {
      float[] mean = slots[0];
      float[] square = slots[1];
      float decay = decoupled ? 0 : (float) weightDecay;
      float rise = (float) (1 - beta1);
      float keep = (float) beta2;
      float add = (float) (1 - beta2);
      for (int i = 0; i < n; i++) {
        float d = g[i] + decay * p[i];
        p[i] *= shrink;
        mean[i] += rise * (d - mean[i]);
        square[i] = keep * square[i] + add * d * d;
      }
      for (int i = 0; i < n; i++) {
        p[i] -= stepSize * mean[i] / ((float) Math.sqrt(square[i]) / correction + eps);
      }
    }
  }
}
