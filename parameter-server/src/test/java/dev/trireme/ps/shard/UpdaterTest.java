package dev.trireme.ps.shard;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.trireme.api.job.OptimizerSpec;
import dev.trireme.api.tensor.NativeMemory;
import java.nio.FloatBuffer;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class UpdaterTest {
  private static final int COUNT = 2500;
  private static final int UPDATES = 8;

  static Stream<OptimizerSpec> optimizers() {
    return Stream.of(
        new OptimizerSpec.Sgd(0.1, 0, false, 0),
        new OptimizerSpec.Sgd(0.1, 0, false, 0.05),
        new OptimizerSpec.Sgd(0.1, 0.9, false, 0.05),
        new OptimizerSpec.Sgd(0.1, 0.9, true, 0),
        new OptimizerSpec.Adam(0.01, 0.9, 0.999, 1e-8, 0),
        new OptimizerSpec.Adam(0.01, 0.8, 0.95, 1e-6, 0.1),
        new OptimizerSpec.AdamW(0.01, 0.9, 0.999, 1e-8, 0.01),
        new OptimizerSpec.Adagrad(0.01, 1e-10, 0),
        new OptimizerSpec.Adagrad(0.01, 1e-6, 0.05));
  }

  /** The engine's own optimizers are held against the same formulas in its OptimizerTest. */
  @ParameterizedTest
  @MethodSource("optimizers")
  void shouldFollowItsFormula(OptimizerSpec spec) {
    Updater updater = Updater.of(spec);
    int slots = updater.slotNames().size();
    try (NativeMemory.Block memory = NativeMemory.allocate(4L * COUNT * (2 + slots), 64)) {
      long[] slotAddresses = new long[slots];
      for (int i = 0; i < slots; i++) {
        slotAddresses[i] = memory.address() + 4L * COUNT * (2 + i);
      }
      long gradients = memory.address() + 4L * COUNT;
      FloatBuffer p = floats(memory.address());
      FloatBuffer g = floats(gradients);
      double[] expected = new double[COUNT];
      double[] first = new double[COUNT];
      double[] second = new double[COUNT];
      Random random = new Random(5);
      for (int i = 0; i < COUNT; i++) {
        p.put(i, (float) random.nextGaussian() / 4);
        expected[i] = p.get(i);
      }
      for (int update = 1; update <= UPDATES; update++) {
        for (int i = 0; i < COUNT; i++) {
          g.put(i, (float) random.nextGaussian());
        }
        double rate = spec.lr() / update;
        for (int i = 0; i < COUNT; i++) {
          expected[i] = formula(spec, expected[i], g.get(i), first, second, i, rate, update);
        }
        updater.update(memory.address(), slotAddresses, gradients, COUNT, rate, update);
      }
      for (int i = 0; i < COUNT; i++) {
        assertThat((double) p.get(i)).isCloseTo(expected[i], within(1e-6));
      }
    }
  }

  /** A table's rows and all others get the same bits, whatever the processor. */
  @ParameterizedTest
  @MethodSource("optimizers")
  void shouldUpdateRowsAndStretchesToTheSameBits(OptimizerSpec spec) {
    int width = 50;
    int[] rows = IntStream.range(0, COUNT / width).toArray();
    Updater updater = Updater.of(spec);
    int slots = updater.slotNames().size();
    long part = 4L * COUNT;
    try (NativeMemory.Block memory = NativeMemory.allocate(part * (3 + 2 * slots), 64)) {
      long[] ofStretch = new long[slots];
      long[] ofRows = new long[slots];
      for (int i = 0; i < slots; i++) {
        ofStretch[i] = memory.address() + part * (3 + i);
        ofRows[i] = memory.address() + part * (3 + slots + i);
      }
      long stretched = memory.address() + part;
      long byRows = memory.address() + 2 * part;
      Random random = new Random(6);
      float[] gradient = new float[COUNT];
      for (int i = 0; i < COUNT; i++) {
        floats(stretched).put(i, (float) random.nextGaussian());
      }
      NativeMemory.copy(stretched, byRows, part);
      for (int update = 1; update <= UPDATES; update++) {
        for (int i = 0; i < COUNT; i++) {
          gradient[i] = (float) random.nextGaussian();
        }
        floats(memory.address()).put(0, gradient);
        updater.update(stretched, ofStretch, memory.address(), COUNT, 0.01, update);
        updater.begin(0.01, update);
        updater.rows(byRows, ofRows, COUNT, width, rows, rows.length, gradient);
      }
      assertThat(bits(byRows)).isEqualTo(bits(stretched));
      for (int i = 0; i < slots; i++) {
        assertThat(bits(ofRows[i])).isEqualTo(bits(ofStretch[i]));
      }
    }
  }

  private static int[] bits(long address) {
    int[] bits = new int[COUNT];
    NativeMemory.view(address, 4 * COUNT).asIntBuffer().get(bits);
    return bits;
  }

  private static FloatBuffer floats(long address) {
    return NativeMemory.view(address, 4 * COUNT).asFloatBuffer();
  }

  private static double formula(
      OptimizerSpec spec,
      double p,
      double gradient,
      double[] m,
      double[] v,
      int i,
      double rate,
      int update) {
    if (spec instanceof OptimizerSpec.Sgd s) {
      double g = gradient + s.weightDecay() * p;
      m[i] = s.momentum() * m[i] + g;
      return p - rate * (s.nesterov() ? g + s.momentum() * m[i] : m[i]);
    } else if (spec instanceof OptimizerSpec.Adam s) {
      double g = gradient + s.weightDecay() * p;
      return p - rate * adam(m, v, i, g, s.beta1(), s.beta2(), s.eps(), update);
    } else if (spec instanceof OptimizerSpec.AdamW s) {
      double kept = p - rate * s.weightDecay() * p;
      return kept - rate * adam(m, v, i, gradient, s.beta1(), s.beta2(), s.eps(), update);
    }
    OptimizerSpec.Adagrad s = (OptimizerSpec.Adagrad) spec;
    double g = gradient + s.weightDecay() * p;
    m[i] += g * g;
    return p - rate * g / (Math.sqrt(m[i]) + s.eps());
  }

  private static double adam(
      double[] m, double[] v, int i, double g, double b1, double b2, double eps, int update) {
    m[i] = b1 * m[i] + (1 - b1) * g;
    v[i] = b2 * v[i] + (1 - b2) * g * g;
    double mean = m[i] / (1 - Math.pow(b1, update));
    double square = v[i] / (1 - Math.pow(b2, update));
    return mean / (Math.sqrt(square) + eps);
  }
}
