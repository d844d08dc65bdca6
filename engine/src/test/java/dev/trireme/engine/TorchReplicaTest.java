package dev.trireme.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.trireme.api.data.Batch;
import dev.trireme.api.data.DatasetInfo;
import dev.trireme.api.engine.EngineException;
import dev.trireme.api.engine.Loss;
import dev.trireme.api.engine.Replica;
import dev.trireme.api.job.LayerSpec;
import dev.trireme.api.job.LossKind;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NamedTensor;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.Shape;
import dev.trireme.api.tensor.StateHash;
import dev.trireme.api.tensor.TensorBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.Test;

class TorchReplicaTest {
  private static final DatasetInfo VECTORS = Jobs.data(Shape.of(6), 3);
  private static final Jobs SMALL =
      Jobs.layers(Jobs.linear(5), new LayerSpec.Tanh(), Jobs.linear(3));

  private final TorchEngine engine = TorchEngine.load(1);

  private Replica replica(Jobs jobs, DatasetInfo data) {
    return engine.replica(jobs.spec(), data, getClass().getClassLoader());
  }

  @Test
  void shouldNameTensorsAsSequentialDoes() {
    Jobs jobs =
        Jobs.layers(
            Jobs.conv(4),
            new LayerSpec.BatchNorm(1e-5, 0.1),
            new LayerSpec.Relu(),
            new LayerSpec.Residual(
                List.of(new LayerSpec.Conv2d(4, 1, 1, 0, false), new LayerSpec.Relu())),
            new LayerSpec.Flatten(),
            Jobs.linear(10));
    try (Replica replica = replica(jobs, Jobs.data(Shape.of(1, 8, 8), 10))) {
      assertThat(replica.modelState().stream().map(NamedTensor::name))
          .containsExactly(
              "0.weight",
              "0.bias",
              "1.weight",
              "1.bias",
              "1.running_mean",
              "1.running_var",
              "1.num_batches_tracked",
              "3.0.weight",
              "5.weight",
              "5.bias");
      assertThat(replica.parameters().stream().map(p -> p.tensor().name()))
          .containsExactly(
              "0.weight", "0.bias", "1.weight", "1.bias", "3.0.weight", "5.weight", "5.bias");
      assertThat(replica.parameters().stream().map(p -> p.index()))
          .containsExactly(0, 1, 2, 3, 4, 5, 6);
      assertThat(replica.statistics().stream().map(NamedTensor::name))
          .containsExactly("1.running_mean", "1.running_var");
      assertThat(replica.parameters().get(4).tensor().shape()).isEqualTo(Shape.of(4, 4, 1, 1));
    }
  }

  @Test
  void shouldDrawWeightsFromTheSeedAlone() {
    List<String> hashes = new ArrayList<>();
    for (long seed : new long[] {1, 1, 2}) {
      try (Replica replica = replica(Jobs.mlp().withSeed(seed), Jobs.images())) {
        hashes.add(StateHash.of(replica.modelState()));
      }
    }
    assertThat(hashes.get(0)).isEqualTo(hashes.get(1)).isNotEqualTo(hashes.get(2));
  }

  @Test
  void shouldDrawWeightsWithinPyTorchsBounds() {
    try (Replica replica = replica(Jobs.mlp(), Jobs.images())) {
      float[] weight = LocalExchange.floats(replica.parameters().get(0).tensor().data());
      double bound = 1 / Math.sqrt(784);
      double squares = 0;
      for (float w : weight) {
        assertThat(Math.abs(w)).isLessThanOrEqualTo((float) bound);
        squares += (double) w * w;
      }
      // The variance of a uniform distribution over [-b, b] is b^2 / 3.
      assertThat(squares / weight.length).isCloseTo(bound * bound / 3, within(bound * bound / 100));
    }
  }

  @Test
  void shouldHandOverEachGradientOnceLastLayersFirst() {
    try (Items items = Items.classes(16, Shape.of(6), 3, 1);
        Replica replica = replica(SMALL, VECTORS);
        LocalExchange exchange = new LocalExchange(replica)) {
      replica.forward(items.all(), 1);
      replica.backward(exchange);
      assertThat(exchange.order()).containsExactlyInAnyOrder(0, 1, 2, 3);
      assertThat(exchange.order().subList(0, 2)).containsExactlyInAnyOrder(2, 3);
    }
  }

  @Test
  void shouldComputeTheGradientOfTheMeanLoss() {
    try (Items items = Items.classes(16, Shape.of(6), 3, 1);
        Replica replica = replica(SMALL, VECTORS);
        LocalExchange exchange = new LocalExchange(replica)) {
      replica.forward(items.all(), 1);
      replica.backward(exchange);
      for (var parameter : replica.parameters()) {
        for (int i : new int[] {0, (int) parameter.tensor().data().count() - 1}) {
          assertThat((double) exchange.gradient(parameter.index())[i])
              .as(parameter.tensor().name())
              .isCloseTo(slope(replica, items.all(), parameter.tensor(), i), within(2e-3));
        }
      }
    }
  }

  /** The slope of the mean loss over one value of a parameter, by central difference. */
  private static double slope(Replica replica, Batch batch, NamedTensor tensor, int index) {
    var view = NativeMemory.view(tensor.data().address() + 4L * index, 4);
    float value = view.getFloat(0);
    float h = 1e-2f;
    view.putFloat(0, value + h);
    double up = replica.evaluate(batch).lossSum();
    view.putFloat(0, value - h);
    double down = replica.evaluate(batch).lossSum();
    view.putFloat(0, value);
    return (up - down) / (2 * h) / batch.size();
  }

  @Test
  void shouldSumOverPartsToTheGradientAndLossOfTheWhole() {
    try (Items items = Items.classes(16, Shape.of(6), 3, 1);
        Replica replica = replica(SMALL, VECTORS);
        LocalExchange exchange = new LocalExchange(replica)) {
      Loss whole = replica.forward(items.all(), 1);
      replica.backward(exchange);
      List<float[]> expected = IntStream.range(0, 4).mapToObj(exchange::gradient).toList();

      exchange.clear();
      Loss sum = Loss.NONE;
      int[] bounds = {0, 3, 3, 11, 16};
      for (int part = 0; part + 1 < bounds.length; part++) {
        int size = bounds[part + 1] - bounds[part];
        sum = sum.plus(replica.forward(items.batch(bounds[part], size, 16), 1));
        replica.backward(exchange);
      }
      assertThat(sum.lossSum()).isCloseTo(whole.lossSum(), within(1e-5));
      assertThat(sum.correct()).isEqualTo(whole.correct());
      assertThat(sum.items()).isEqualTo(16);
      for (int p = 0; p < 4; p++) {
        assertThat(exchange.gradient(p)).containsExactly(expected.get(p), within(1e-6f));
      }
    }
  }

  @Test
  void shouldHandOverZerosForAnEmptyBatch() {
    try (Items items = Items.classes(4, Shape.of(6), 3, 1);
        Replica replica = replica(SMALL, VECTORS)) {
      assertThat(replica.forward(items.batch(0, 0, 4), 1)).isEqualTo(Loss.NONE);
      List<Integer> order = new ArrayList<>();
      replica.backward(
          (parameter, gradient) -> {
            order.add(parameter);
            assertThat(gradient.count())
                .isEqualTo(replica.parameters().get(parameter).tensor().data().count());
            assertThat(LocalExchange.floats(gradient)).containsOnly(0f);
          });
      assertThat(order).containsExactly(3, 2, 1, 0);
      assertThat(replica.evaluate(items.batch(0, 0, 4))).isEqualTo(Loss.NONE);
    }
  }

  @Test
  void shouldRefuseBackwardWithoutForward() {
    try (Items items = Items.classes(4, Shape.of(6), 3, 1);
        Replica replica = replica(SMALL, VECTORS);
        LocalExchange exchange = new LocalExchange(replica)) {
      assertThatThrownBy(() -> replica.backward(exchange))
          .isInstanceOf(IllegalStateException.class);
      replica.forward(items.all(), 1);
      replica.backward(exchange);
      assertThatThrownBy(() -> replica.backward(exchange))
          .isInstanceOf(IllegalStateException.class);
    }
  }

  @Test
  void shouldLetTheSinksOwnExceptionThroughAndGoOnAfterIt() {
    try (Items items = Items.classes(4, Shape.of(6), 3, 1);
        Replica replica = replica(SMALL, VECTORS);
        LocalExchange exchange = new LocalExchange(replica)) {
      ArithmeticException refusal = new ArithmeticException("the bucket is full");
      replica.forward(items.all(), 1);
      assertThatThrownBy(
              () ->
                  replica.backward(
                      (parameter, gradient) -> {
                        throw refusal;
                      }))
          .isSameAs(refusal);
      replica.forward(items.all(), 1);
      replica.backward(exchange);
      assertThat(exchange.order()).hasSize(4);
    }
  }

  @Test
  void shouldRepeatTheSameBitsRunToRun() {
    Jobs jobs =
        Jobs.layers(
            Jobs.conv(20),
            new LayerSpec.Relu(),
            new LayerSpec.MaxPool2d(2, Optional.empty()),
            new LayerSpec.Flatten(),
            new LayerSpec.Dropout(0.4),
            Jobs.linear(10));
    assertThat(hashAfterTraining(jobs, 1)).isEqualTo(hashAfterTraining(jobs, 1));
    assertThat(hashAfterTraining(jobs, 1)).isNotEqualTo(hashAfterTraining(jobs, 2));
  }

  private String hashAfterTraining(Jobs jobs, long stepSeed) {
    try (Items items = Items.classes(64, Shape.of(1, 28, 28), 10, 5);
        Replica replica = replica(jobs, Jobs.images());
        LocalExchange exchange = new LocalExchange(replica)) {
      for (int step = 0; step < 4; step++) {
        exchange.clear();
        replica.forward(items.batch(step * 16, 16, 16), stepSeed * 100 + step);
        replica.backward(exchange);
        replica.optimize(0.1);
      }
      return StateHash.of(replica.modelState());
    }
  }

  @Test
  void shouldDrawDropoutFromTheGivenSeedAlone() {
    Jobs jobs = Jobs.layers(new LayerSpec.Dropout(0.5), Jobs.linear(3));
    try (Items items = Items.classes(16, Shape.of(6), 3, 1);
        Replica replica = replica(jobs, VECTORS)) {
      double first = replica.forward(items.all(), 42).lossSum();
      assertThat(replica.forward(items.all(), 43).lossSum()).isNotEqualTo(first);
      assertThat(replica.forward(items.all(), 42).lossSum()).isEqualTo(first);
      double evaluated = replica.evaluate(items.all()).lossSum();
      assertThat(replica.evaluate(items.all()).lossSum()).isEqualTo(evaluated).isNotEqualTo(first);
    }
  }

  @Test
  void shouldLearn() {
    try (Items items = Items.classes(32, Shape.of(6), 3, 1);
        Replica replica = replica(SMALL, VECTORS);
        LocalExchange exchange = new LocalExchange(replica)) {
      Loss before = replica.evaluate(items.all());
      for (int step = 0; step < 1500; step++) {
        exchange.clear();
        replica.forward(items.all(), step);
        replica.backward(exchange);
        replica.optimize(0.5);
      }
      Loss after = replica.evaluate(items.all());
      assertThat(after.lossSum()).isLessThan(before.lossSum() / 3);
      assertThat(after.correct()).isGreaterThan(28);
    }
  }

  @Test
  void shouldRefuseGradientsThatDoNotFit() {
    try (Replica replica = replica(SMALL, VECTORS);
        NativeMemory.Block block = NativeMemory.allocate(1024, 64)) {
      List<TensorBuffer> buffers = new ArrayList<>();
      replica
          .parameters()
          .forEach(p -> buffers.add(block.buffer(DType.FLOAT32, p.tensor().data().count())));
      assertThatThrownBy(() -> replica.bindGradients(buffers.subList(1, 4)))
          .isInstanceOf(IllegalArgumentException.class);
      buffers.set(1, block.buffer(DType.FLOAT32, 4));
      assertThatThrownBy(() -> replica.bindGradients(buffers))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("0.bias")
          .hasMessageContaining("5 x FLOAT32")
          .hasMessageContaining("4 x FLOAT32");
      assertThatThrownBy(() -> replica.optimize(0.1)).isInstanceOf(IllegalStateException.class);
    }
  }

  @Test
  void shouldRefuseAnImpossibleModelWithTheLayersName() {
    Jobs jobs = Jobs.layers(Jobs.linear(5), Jobs.conv(3));
    assertThatThrownBy(() -> replica(jobs, VECTORS))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("layers[1]")
        .hasMessageContaining("conv2d");
  }

  @Test
  void shouldRefuseOutputsThatAreFewerThanTheClasses() {
    try (Items items = Items.classes(4, Shape.of(6), 3, 1);
        Replica replica = replica(Jobs.layers(Jobs.linear(2)), VECTORS)) {
      assertThatThrownBy(() -> replica.forward(items.all(), 1))
          .isInstanceOf(EngineException.class)
          .hasMessageContaining("4x3")
          .hasMessageContaining("4x2");
    }
  }

  @Test
  void shouldRefuseALossThatDoesNotSuitTheLabels() {
    assertThatThrownBy(() -> replica(SMALL.with(LossKind.MSE), VECTORS))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("mse")
        .hasMessageContaining("cross-entropy");
    assertThatThrownBy(() -> replica(SMALL, Jobs.data(Shape.of(6), 0)))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("cross-entropy");
  }

  @Test
  void shouldHoldItsNativeMemoryOverHundredsOfSteps() {
    Jobs jobs =
        Jobs.layers(
            Jobs.conv(20),
            new LayerSpec.BatchNorm(1e-5, 0.1),
            new LayerSpec.Relu(),
            new LayerSpec.MaxPool2d(2, Optional.empty()),
            new LayerSpec.Flatten(),
            new LayerSpec.Dropout(0.4),
            Jobs.linear(10));
    try (Items items = Items.classes(64, Shape.of(1, 28, 28), 10, 5);
        Replica replica = replica(jobs, Jobs.images());
        LocalExchange exchange = new LocalExchange(replica)) {
      steps(100, replica, items, exchange);
      long bytes = Pointer.physicalBytes();
      long objects = Pointer.totalCount();
      steps(300, replica, items, exchange);
      // What tests before this one left to the collector may go meanwhile, so it may be fewer.
      assertThat(Pointer.totalCount())
          .as("native objects with a Java handle")
          .isLessThanOrEqualTo(objects);
      // One activation of the convolution is 5 MB: keeping one a step would take 1.5 GB. The Java
      // heap may still grow by some of its 1 GB.
      assertThat(Pointer.physicalBytes() - bytes).isLessThan(768L << 20);
      assertThat(replica.nativeBytes()).isBetween(0L, Pointer.physicalBytes());
    }
  }

  private static void steps(int steps, Replica replica, Items items, LocalExchange exchange) {
    for (int step = 0; step < steps; step++) {
      replica.forward(items.batch(0, 64, 64), step);
      replica.backward((parameter, gradient) -> {});
      replica.optimize(1e-6);
      replica.evaluate(items.batch(0, 8, 8));
      replica.forward(items.batch(0, 8, 64), step);
    }
    exchange.clear();
  }
}
