package dev.trireme.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.trireme.api.data.Batch;
import dev.trireme.api.data.DatasetInfo;
import dev.trireme.api.engine.EngineException;
import dev.trireme.api.engine.Replica;
import dev.trireme.api.job.LayerSpec;
import dev.trireme.api.job.LossKind;
import dev.trireme.api.tensor.NamedTensor;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.Shape;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Every layer and every loss: gradients against slopes, values against plain arithmetic. */
class LayersTest {
  private static final Shape IMAGE = Shape.of(2, 7, 7);
  private static final Shape VECTOR = Shape.of(6);

  private final TorchEngine engine = TorchEngine.load(1);

  private Replica replica(Jobs jobs, DatasetInfo data) {
    return engine.replica(jobs.spec(), data, getClass().getClassLoader());
  }

  static Stream<Arguments> layers() {
    LayerSpec norm = new LayerSpec.BatchNorm(1e-5, 0.1);
    return Stream.of(
        Arguments.of(IMAGE, List.of(new LayerSpec.Conv2d(3, 3, 2, 1, true))),
        Arguments.of(IMAGE, List.of(new LayerSpec.Conv2d(3, 2, 1, 0, false))),
        Arguments.of(IMAGE, List.of(Jobs.conv(3), new LayerSpec.MaxPool2d(2, Optional.empty()))),
        Arguments.of(IMAGE, List.of(Jobs.conv(17), new LayerSpec.MaxPool2d(3, Optional.of(2)))),
        Arguments.of(IMAGE, List.of(Jobs.conv(3), new LayerSpec.AvgPool2d(2, Optional.empty()))),
        Arguments.of(IMAGE, List.of(Jobs.conv(3), norm)),
        Arguments.of(VECTOR, List.of(Jobs.linear(4), norm)),
        Arguments.of(VECTOR, List.of(new LayerSpec.LayerNorm(1e-5))),
        Arguments.of(IMAGE, List.of(new LayerSpec.LayerNorm(1e-5), Jobs.linear(3))),
        Arguments.of(VECTOR, List.of(Jobs.linear(4), new LayerSpec.Relu())),
        Arguments.of(VECTOR, List.of(Jobs.linear(4), new LayerSpec.Gelu())),
        Arguments.of(VECTOR, List.of(Jobs.linear(4), new LayerSpec.Tanh())),
        Arguments.of(VECTOR, List.of(Jobs.linear(4), new LayerSpec.Sigmoid())),
        Arguments.of(VECTOR, List.of(Jobs.linear(4), new LayerSpec.Softmax())),
        Arguments.of(VECTOR, List.of(new LayerSpec.Reshape(List.of(2L, -1L)), Jobs.linear(4))),
        Arguments.of(
            VECTOR,
            List.of(
                Jobs.linear(5),
                new LayerSpec.Residual(
                    List.of(
                        new LayerSpec.Relu(),
                        new LayerSpec.Linear(5, false),
                        new LayerSpec.Tanh())),
                new LayerSpec.Sigmoid())));
  }

  @ParameterizedTest
  @MethodSource("layers")
  void shouldHaveTheGradientsOfItsLoss(Shape item, List<LayerSpec> layers) {
    List<LayerSpec> all =
        Stream.concat(layers.stream(), Stream.of(new LayerSpec.Flatten(), Jobs.linear(3))).toList();
    Jobs jobs = Jobs.layers(all.toArray(new LayerSpec[0])).withSeed(5);
    try (Items items = Items.classes(6, item, 3, 11);
        Replica replica = replica(jobs, Jobs.data(item, 3));
        LocalExchange exchange = new LocalExchange(replica)) {
      replica.forward(items.all(), 1);
      replica.backward(exchange);
      for (var parameter : replica.parameters()) {
        float[] gradient = exchange.gradient(parameter.index());
        for (int i : new int[] {0, gradient.length / 2, gradient.length - 1}) {
          double slope = slope(replica, items.all(), parameter.tensor(), i);
          assertThat((double) gradient[i])
              .as(parameter.tensor().name() + "[" + i + "]")
              .isCloseTo(slope, within(2e-3 + 0.02 * Math.abs(slope)));
        }
      }
    }
  }

  /** By central difference of training's own loss: BatchNorm evaluates differently. */
  private static double slope(Replica replica, Batch batch, NamedTensor tensor, int index) {
    var view = NativeMemory.view(tensor.data().address() + 4L * index, 4);
    float value = view.getFloat(0);
    float h = 1e-3f;
    view.putFloat(0, value + h);
    double up = replica.forward(batch, 1).lossSum();
    view.putFloat(0, value - h);
    double down = replica.forward(batch, 1).lossSum();
    view.putFloat(0, value);
    return (up - down) / (2 * h) / batch.size();
  }

  @Test
  void shouldGiveTheSameBitsWhenReluRunsAfterThePoolThatFollowsIt() {
    Shape item = Shape.of(1, 9, 9);
    LayerSpec pool = new LayerSpec.MaxPool2d(3, Optional.of(2));
    LayerSpec asItWas = new LayerSpec.Reshape(List.of(17L, 7L, 7L));
    List<float[]> inOrder = gradients(item, Jobs.conv(17), new LayerSpec.Relu(), asItWas, pool);
    List<float[]> swapped = gradients(item, Jobs.conv(17), new LayerSpec.Relu(), pool);
    assertThat(swapped).usingRecursiveComparison().isEqualTo(inOrder);
    assertThat(inOrder.get(0)).isNotEqualTo(new float[inOrder.get(0).length]);
  }

  /** Of all parameters, first to last. */
  private List<float[]> gradients(Shape item, LayerSpec... layers) {
    List<LayerSpec> all =
        Stream.concat(Stream.of(layers), Stream.of(new LayerSpec.Flatten(), Jobs.linear(3)))
            .toList();
    Jobs jobs = Jobs.layers(all.toArray(new LayerSpec[0])).withSeed(5);
    try (Items items = Items.classes(6, item, 3, 11);
        Replica replica = replica(jobs, Jobs.data(item, 3));
        LocalExchange exchange = new LocalExchange(replica)) {
      replica.forward(items.all(), 1);
      replica.backward(exchange);
      return replica.parameters().stream().map(p -> exchange.gradient(p.index())).toList();
    }
  }

  @Test
  void shouldPoolTheSameWithAndWithoutAVectorOfChannels() {
    // The two ways through MaxPoolLayer, told apart by the number of channels only: the wide one's
    // first channels are the narrow one's.
    try (Items items = Items.classes(3, Shape.of(1, 9, 9), 2, 5)) {
      double narrow = pooled(items, 1);
      double wide = pooled(items, 16);
      assertThat(wide).isCloseTo(narrow, within(1e-5));
    }
  }

  /** The mean over what a pool makes of {@code channels} copies of an image. */
  private double pooled(Items items, int channels) {
    Jobs jobs =
        Jobs.layers(
            new LayerSpec.Conv2d(channels, 1, 1, 0, false),
            new LayerSpec.MaxPool2d(3, Optional.of(2)),
            new LayerSpec.Flatten(),
            new LayerSpec.Linear(2, false));
    try (Replica replica = replica(jobs, Jobs.data(Shape.of(1, 9, 9), 2))) {
      fill(replica, "0.weight", 1);
      fill(replica, "3.weight", 1f / channels);
      var weight = replica.parameters().get(1).tensor().data();
      NativeMemory.fill(weight.address(), weight.byteCount() / 2, (byte) 0);
      double trained = replica.forward(items.all(), 1).lossSum();
      assertThat(replica.evaluate(items.all()).lossSum()).isCloseTo(trained, within(1e-5));
      return trained;
    }
  }

  private static void fill(Replica replica, String name, float value) {
    NamedTensor tensor =
        replica.modelState().stream().filter(t -> t.name().equals(name)).findFirst().orElseThrow();
    var view = NativeMemory.view(tensor.data().address(), (int) tensor.data().byteCount());
    while (view.hasRemaining()) {
      view.putFloat(value);
    }
  }

  @Test
  void shouldKeepRunningStatisticsAndCountUpdates() {
    Jobs jobs = Jobs.layers(new LayerSpec.BatchNorm(1e-5, 0.1), Jobs.linear(3));
    try (Items items = Items.classes(8, VECTOR, 3, 11);
        Replica replica = replica(jobs, Jobs.data(VECTOR, 3));
        LocalExchange exchange = new LocalExchange(replica)) {
      double mean = 0;
      float[] features = LocalExchange.floats(items.all().features());
      for (int item = 0; item < 8; item++) {
        mean += features[item * 6] / 8;
      }
      replica.forward(items.all(), 1);
      replica.backward(exchange);
      replica.optimize(0.1);
      replica.evaluate(items.all());
      float[] running = LocalExchange.floats(replica.statistics().get(0).data());
      assertThat((double) running[0]).isCloseTo(0.1 * mean, within(1e-5));
      NamedTensor count = replica.modelState().get(4);
      assertThat(count.name()).isEqualTo("0.num_batches_tracked");
      assertThat(NativeMemory.view(count.data().address(), 8).getLong(0)).isEqualTo(1);
    }
  }

  @Test
  void shouldLeaveRunningStatisticsAloneForASingleValue() {
    Jobs jobs = Jobs.layers(new LayerSpec.BatchNorm(1e-5, 0.1), Jobs.linear(3));
    try (Items items = Items.classes(8, VECTOR, 3, 11);
        Replica replica = replica(jobs, Jobs.data(VECTOR, 3));
        LocalExchange exchange = new LocalExchange(replica)) {
      assertThat(replica.forward(items.batch(0, 1, 8), 1).lossSum()).isFinite();
      replica.backward(exchange);
      assertThat(LocalExchange.floats(replica.statistics().get(0).data())).containsOnly(0f);
      assertThat(LocalExchange.floats(replica.statistics().get(1).data())).containsOnly(1f);
      assertThat(exchange.gradient(2)).doesNotContain(Float.NaN);
    }
  }

  @Test
  void shouldHaveTheGradientsOfAFactorizationMachine() {
    Jobs jobs = Jobs.layers(new LayerSpec.Factorization(6, 3, 2), Jobs.linear(3)).withSeed(5);
    Shape item = Shape.of(3);
    try (Items items = Items.classes(2, item, 3, 1);
        Replica replica = replica(jobs, Jobs.data(item, 3));
        LocalExchange exchange = new LocalExchange(replica)) {
      var indices = NativeMemory.view(items.all().features().address(), 24);
      indices.putFloat(4).putFloat(0).putFloat(2).putFloat(4).putFloat(1).putFloat(1);
      assertThat(replica.tables()).containsExactly(1, 2);
      replica.forward(items.all(), 1);
      replica.backward(exchange);
      for (var parameter : replica.parameters()) {
        float[] gradient = exchange.gradient(parameter.index());
        for (int i = 0; i < gradient.length; i++) {
          double slope = slope(replica, items.all(), parameter.tensor(), i);
          assertThat((double) gradient[i])
              .as(parameter.tensor().name() + "[" + i + "]")
              .isCloseTo(slope, within(2e-3 + 0.02 * Math.abs(slope)));
        }
      }
    }
  }

  @Test
  void shouldLookUpRows() {
    Jobs jobs =
        Jobs.layers(
            new LayerSpec.Embedding(5, 2), new LayerSpec.Flatten(), new LayerSpec.Linear(3, false));
    Shape item = Shape.of(2);
    try (Items items = Items.classes(2, item, 3, 1);
        Replica replica = replica(jobs, Jobs.data(item, 3));
        LocalExchange exchange = new LocalExchange(replica)) {
      var indices = NativeMemory.view(items.all().features().address(), 16);
      indices.putFloat(4).putFloat(0).putFloat(4).putFloat(4);
      replica.forward(items.all(), 1);
      replica.backward(exchange);
      assertThat(replica.tables()).containsExactly(0);
      float[] gradient = exchange.gradient(0);
      assertThat(gradient).hasSize(10);
      assertThat(Arrays.copyOfRange(gradient, 2, 8)).containsOnly(0f);
      assertThat(gradient[0]).isNotZero();
      assertThat(gradient[8]).isNotZero();

      indices.putFloat(0, 5);
      assertThatThrownBy(() -> replica.forward(items.all(), 1))
          .isInstanceOf(EngineException.class)
          .hasMessageContaining("layers[0] (embedding)")
          .hasMessageContaining("index out of range")
          .hasMessageNotContaining("frame #");
    }
  }

  static Stream<Arguments> losses() {
    return Stream.of(
        Arguments.of(LossKind.MSE),
        Arguments.of(LossKind.L1),
        Arguments.of(LossKind.BCE_WITH_LOGITS));
  }

  @ParameterizedTest
  @MethodSource("losses")
  void shouldAverageOverAnItemsValuesAndSumOverItems(LossKind loss) {
    Jobs jobs = Jobs.layers(new LayerSpec.Linear(2, false)).with(loss);
    try (Items items = Items.values(5, VECTOR, 2, 11);
        Replica replica = replica(jobs, Jobs.data(VECTOR, 0));
        LocalExchange exchange = new LocalExchange(replica)) {
      float[] weight = LocalExchange.floats(replica.parameters().get(0).tensor().data());
      float[] features = LocalExchange.floats(items.all().features());
      float[] labels = LocalExchange.floats(items.all().labels());
      double expected = 0;
      double slope = 0;
      for (int item = 0; item < 5; item++) {
        for (int out = 0; out < 2; out++) {
          double x = 0;
          for (int k = 0; k < 6; k++) {
            x += (double) weight[out * 6 + k] * features[item * 6 + k];
          }
          double y = labels[item * 2 + out];
          double sigmoid = 1 / (1 + Math.exp(-x));
          expected +=
              switch (loss) {
                    case MSE -> (x - y) * (x - y);
                    case L1 -> Math.abs(x - y);
                    default -> -y * Math.log(sigmoid) - (1 - y) * Math.log(1 - sigmoid);
                  }
                  / 2;
          double d =
              switch (loss) {
                case MSE -> 2 * (x - y);
                case L1 -> Math.signum(x - y);
                default -> sigmoid - y;
              };
          slope += out == 0 ? d * features[item * 6] / 2 / 5 : 0;
        }
      }
      assertThat(replica.forward(items.all(), 1).lossSum()).isCloseTo(expected, within(1e-4));
      replica.backward(exchange);
      assertThat((double) exchange.gradient(0)[0]).isCloseTo(slope, within(1e-5));
    }
  }

  @Test
  void shouldCountRightPredictions() {
    Jobs jobs = Jobs.layers(new LayerSpec.Linear(3, false));
    try (Items items = Items.classes(40, VECTOR, 3, 11);
        Replica replica = replica(jobs, Jobs.data(VECTOR, 3))) {
      float[] weight = LocalExchange.floats(replica.parameters().get(0).tensor().data());
      float[] features = LocalExchange.floats(items.all().features());
      var labels = NativeMemory.view(items.all().labels().address(), 40 * 8);
      int correct = 0;
      for (int item = 0; item < 40; item++) {
        int best = 0;
        double largest = Double.NEGATIVE_INFINITY;
        for (int out = 0; out < 3; out++) {
          double x = 0;
          for (int k = 0; k < 6; k++) {
            x += (double) weight[out * 6 + k] * features[item * 6 + k];
          }
          best = x > largest ? out : best;
          largest = Math.max(x, largest);
        }
        correct += best == labels.getLong(item * 8) ? 1 : 0;
      }
      assertThat(replica.evaluate(items.all()).correct()).isEqualTo(correct);
      assertThat(replica.forward(items.all(), 1).correct()).isEqualTo(correct);
    }
  }

  @Test
  void shouldTakeTwoClassesWithBinaryCrossEntropy() {
    Jobs jobs = Jobs.layers(new LayerSpec.Linear(1, true)).with(LossKind.BCE_WITH_LOGITS);
    try (Items items = Items.classes(40, VECTOR, 2, 11);
        Replica replica = replica(jobs, Jobs.data(VECTOR, 2));
        LocalExchange exchange = new LocalExchange(replica)) {
      for (int step = 0; step < 300; step++) {
        exchange.clear();
        replica.forward(items.all(), step);
        replica.backward(exchange);
        replica.optimize(1);
      }
      assertThat(replica.evaluate(items.all()).correct()).isGreaterThan(24);
    }
  }
}
