package dev.trireme.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.api.engine.Replica;
import dev.trireme.api.job.OptimizerSpec;
import dev.trireme.api.tensor.NamedTensor;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.Shape;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.Stream;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Each optimizer against its formula in double precision, over several updates. */
class OptimizerTest {
  private static final int UPDATES = 6;

  static Stream<OptimizerSpec> optimizers() {
    return Stream.of(
        new OptimizerSpec.Sgd(0.1, 0, false, 0),
        new OptimizerSpec.Sgd(0.1, 0, false, 0.05),
        new OptimizerSpec.Sgd(0.1, 0.9, false, 0),
        new OptimizerSpec.Sgd(0.1, 0.9, false, 0.05),
        new OptimizerSpec.Sgd(0.1, 0.9, true, 0.05),
        new OptimizerSpec.Adam(0.01, 0.9, 0.999, 1e-8, 0),
        new OptimizerSpec.Adam(0.01, 0.8, 0.95, 1e-6, 0.1),
        new OptimizerSpec.AdamW(0.01, 0.9, 0.999, 1e-8, 0.01),
        new OptimizerSpec.AdamW(0.01, 0.8, 0.95, 1e-6, 0.1),
        new OptimizerSpec.Adagrad(0.01, 1e-10, 0),
        new OptimizerSpec.Adagrad(0.01, 1e-6, 0.05));
  }

  @ParameterizedTest
  @MethodSource("optimizers")
  void shouldFollowItsFormula(OptimizerSpec optimizer) {
    try (TorchEngine engine = TorchEngine.load(1);
        Items items = Items.classes(UPDATES * 8, Shape.of(5), 3, 7);
        Replica replica =
            engine.replica(
                Jobs.layers(Jobs.linear(4), Jobs.linear(3)).with(optimizer).spec(),
                Jobs.data(Shape.of(5), 3),
                getClass().getClassLoader());
        LocalExchange exchange = new LocalExchange(replica)) {
      Reference reference = new Reference(optimizer);
      for (int update = 1; update <= UPDATES; update++) {
        exchange.clear();
        replica.forward(items.batch((update - 1) * 8, 8, 8), 0);
        replica.backward(exchange);
        double rate = optimizer.lr() / update;
        int step = update;
        replica
            .parameters()
            .forEach(p -> reference.update(p.tensor(), exchange.gradient(p.index()), rate, step));
        replica.optimize(rate);
        replica.parameters().forEach(p -> reference.check(p.tensor()));
      }
      NamedTensor count = named(replica, "step");
      assertThat(NativeMemory.view(count.data().address(), 8).getLong(0)).isEqualTo(UPDATES);
    }
  }

  @ParameterizedTest
  @MethodSource("optimizers")
  void shouldNameItsStateAfterTheParameters(OptimizerSpec optimizer) {
    try (TorchEngine engine = TorchEngine.load(1);
        Replica replica =
            engine.replica(
                Jobs.layers(Jobs.linear(3)).with(optimizer).spec(),
                Jobs.data(Shape.of(5), 3),
                getClass().getClassLoader())) {
      Stream<String> names = replica.optimizerState().stream().map(NamedTensor::name);
      if (optimizer instanceof OptimizerSpec.Sgd sgd) {
        assertThat(names)
            .containsExactlyInAnyOrder(
                sgd.momentum() == 0
                    ? new String[] {"step"}
                    : new String[] {"0.weight.momentum_buffer", "0.bias.momentum_buffer", "step"});
      } else if (optimizer instanceof OptimizerSpec.Adagrad) {
        assertThat(names).containsExactlyInAnyOrder("0.weight.sum", "0.bias.sum", "step");
      } else {
        assertThat(names)
            .containsExactlyInAnyOrder(
                "0.weight.exp_avg",
                "0.weight.exp_avg_sq",
                "0.bias.exp_avg",
                "0.bias.exp_avg_sq",
                "step");
      }
    }
  }

  @Test
  void shouldClipTheNormOfAllGradientsTogether() {
    double largest = 0.05;
    try (TorchEngine engine = TorchEngine.load(1);
        Items items = Items.classes(8, Shape.of(5), 3, 7);
        Replica replica =
            engine.replica(
                Jobs.layers(Jobs.linear(4), Jobs.linear(3)).withClip(largest).spec(),
                Jobs.data(Shape.of(5), 3),
                getClass().getClassLoader());
        LocalExchange exchange = new LocalExchange(replica)) {
      replica.forward(items.all(), 0);
      replica.backward(exchange);
      double before = norm(replica, exchange);
      float[] first = exchange.gradient(0);
      replica.optimize(0.1);

      assertThat(before).isGreaterThan(2 * largest);
      assertThat(norm(replica, exchange)).isCloseTo(largest, within(1e-6));
      for (int i = 0; i < first.length; i++) {
        assertThat((double) exchange.gradient(0)[i])
            .isCloseTo(first[i] * largest / before, within(1e-6));
      }
    }
  }

  private static double norm(Replica replica, LocalExchange exchange) {
    double squares = 0;
    for (int i = 0; i < replica.parameters().size(); i++) {
      for (float value : exchange.gradient(i)) {
        squares += (double) value * value;
      }
    }
    return Math.sqrt(squares);
  }

  private static NamedTensor named(Replica replica, String name) {
    return replica.optimizerState().stream()
        .filter(tensor -> tensor.name().equals(name))
        .findFirst()
        .orElseThrow();
  }

  private static Offset<Double> within(double offset) {
    return org.assertj.core.api.Assertions.within(offset);
  }

  /** The formulas, one value after the other. */
  private static final class Reference {
    private final OptimizerSpec spec;
    private final Map<String, double[]> values = new HashMap<>();
    private final Map<String, double[]> first = new HashMap<>();
    private final Map<String, double[]> second = new HashMap<>();

    Reference(OptimizerSpec spec) {
      this.spec = spec;
    }

    void update(NamedTensor parameter, float[] gradient, double rate, int step) {
      double[] p = values.computeIfAbsent(parameter.name(), name -> doubles(parameter));
      double[] m = first.computeIfAbsent(parameter.name(), name -> new double[p.length]);
      double[] v = second.computeIfAbsent(parameter.name(), name -> new double[p.length]);
      for (int i = 0; i < p.length; i++) {
        if (spec instanceof OptimizerSpec.Sgd s) {
          double g = gradient[i] + s.weightDecay() * p[i];
          m[i] = s.momentum() * m[i] + g;
          p[i] -= rate * (s.nesterov() ? g + s.momentum() * m[i] : m[i]);
        } else if (spec instanceof OptimizerSpec.Adam s) {
          double g = gradient[i] + s.weightDecay() * p[i];
          p[i] -= rate * adam(m, v, i, g, s.beta1(), s.beta2(), s.eps(), step);
        } else if (spec instanceof OptimizerSpec.AdamW s) {
          p[i] -= rate * s.weightDecay() * p[i];
          p[i] -= rate * adam(m, v, i, gradient[i], s.beta1(), s.beta2(), s.eps(), step);
        } else if (spec instanceof OptimizerSpec.Adagrad s) {
          double g = gradient[i] + s.weightDecay() * p[i];
          m[i] += g * g;
          p[i] -= rate * g / (Math.sqrt(m[i]) + s.eps());
        }
      }
    }

    private static double adam(
        double[] m, double[] v, int i, double g, double b1, double b2, double eps, int step) {
      m[i] = b1 * m[i] + (1 - b1) * g;
      v[i] = b2 * v[i] + (1 - b2) * g * g;
      double mean = m[i] / (1 - Math.pow(b1, step));
      double square = v[i] / (1 - Math.pow(b2, step));
      return mean / (Math.sqrt(square) + eps);
    }

    void check(NamedTensor parameter) {
      double[] expected = values.get(parameter.name());
      double[] found = doubles(parameter);
      for (int i = 0; i < expected.length; i++) {
        assertThat(found[i]).as(parameter.name()).isCloseTo(expected[i], within(2e-5));
      }
    }

    private static double[] doubles(NamedTensor tensor) {
      float[] floats = LocalExchange.floats(tensor.data());
      double[] doubles = new double[floats.length];
      for (int i = 0; i < floats.length; i++) {
        doubles[i] = floats[i];
      }
      return doubles;
    }
  }
}
