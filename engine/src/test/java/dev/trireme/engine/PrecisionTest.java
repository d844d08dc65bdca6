package dev.trireme.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.trireme.api.data.DatasetInfo;
import dev.trireme.api.engine.EngineException;
import dev.trireme.api.engine.Loss;
import dev.trireme.api.engine.Replica;
import dev.trireme.api.job.LayerSpec;
import dev.trireme.api.job.OptimizerSpec;
import dev.trireme.api.job.TrainSpec;
import dev.trireme.api.job.TrainSpec.Precision;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NamedTensor;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.Shape;
import dev.trireme.api.tensor.StateHash;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class PrecisionTest {
  private static final DatasetInfo IMAGES = Jobs.images();
  private static final Shape ITEM = Shape.of(1, 28, 28);

  /** One of every kind of layer that computes. */
  private static final Jobs EVERYTHING =
      Jobs.layers(
              Jobs.conv(16),
              new LayerSpec.BatchNorm(1e-5, 0.1),
              new LayerSpec.Relu(),
              new LayerSpec.MaxPool2d(2, Optional.empty()),
              new LayerSpec.Residual(
                  List.of(new LayerSpec.Conv2d(16, 3, 1, 1, true), new LayerSpec.Tanh())),
              new LayerSpec.AvgPool2d(2, Optional.empty()),
              new LayerSpec.Flatten(),
              new LayerSpec.LayerNorm(1e-5),
              Jobs.linear(32),
              new LayerSpec.Gelu(),
              new LayerSpec.Dropout(0.1),
              Jobs.linear(16),
              new LayerSpec.Sigmoid(),
              Jobs.linear(10))
          .with(new OptimizerSpec.AdamW(3e-3, 0.9, 0.999, 1e-8, 1e-2));

  @BeforeAll
  static void load() {
    TorchEngine.load(1);
  }

  /** As the engine makes it, but also in float16, which a job may ask of a GPU only. */
  private static Replica replica(Jobs jobs, Precision precision) {
    TrainSpec train = jobs.with(precision).spec().train();
    torch.manual_seed(train.seed());
    return new TorchReplica(
        LayerNetwork.build(jobs.model().layers(), ITEM),
        new LossFunction(train.loss(), IMAGES),
        train);
  }

  private static double[] losses(Replica replica, Items items, int first, int steps) {
    double[] losses = new double[steps];
    try (LocalExchange exchange = new LocalExchange(replica)) {
      for (int i = 0; i < steps; i++) {
        exchange.clear();
        losses[i] = replica.forward(items.batch(0, 32, 32), first + i).lossSum() / 32;
        replica.backward(exchange);
        replica.optimize(3e-3);
      }
    }
    return losses;
  }

  @Test
  void shouldAgreeWithFloat32WithinThePrecisionOfTheType() {
    try (Items items = Items.classes(32, ITEM, 10, 3);
        Replica exact = replica(EVERYTHING, Precision.FLOAT32);
        Replica bf16 = replica(EVERYTHING, Precision.BF16);
        Replica fp16 = replica(EVERYTHING, Precision.FP16)) {
      double[] expected = losses(exact, items, 0, 40);
      double[] coarse = losses(bf16, items, 0, 40);
      double[] finer = losses(fp16, items, 0, 40);
      assertThat(expected[39]).isLessThan(0.7 * expected[0]);
      for (int i = 0; i < 5; i++) {
        assertThat(coarse[i]).isCloseTo(expected[i], within(0.02)).isNotEqualTo(expected[i]);
        assertThat(finer[i]).isCloseTo(expected[i], within(0.01)).isNotEqualTo(expected[i]);
      }
      assertThat(coarse[39]).isCloseTo(expected[39], within(0.15));
      assertThat(finer[39]).isCloseTo(expected[39], within(0.15));
    }
  }

  @Test
  void shouldKeepWeightsGradientsAndStateInFloat32() {
    try (Items items = Items.classes(8, ITEM, 10, 3);
        Replica replica = replica(EVERYTHING, Precision.BF16)) {
      replica.forward(items.all(), 1);
      replica.backward(
          (parameter, gradient) -> assertThat(gradient.dtype()).isEqualTo(DType.FLOAT32));
      assertThat(Stream.concat(replica.modelState().stream(), replica.optimizerState().stream()))
          .allMatch(t -> t.dtype() == DType.FLOAT32 || t.dtype() == DType.INT64);
      Loss first = replica.evaluate(items.all());
      assertThat(replica.evaluate(items.all())).isEqualTo(first);
    }
  }

  @Test
  void shouldGoOnFromItsStateWithTheSameBits() {
    for (Precision precision : List.of(Precision.BF16, Precision.FP16)) {
      try (Items items = Items.classes(32, ITEM, 10, 3);
          Replica whole = replica(EVERYTHING, precision);
          Replica half = replica(EVERYTHING, precision);
          Replica resumed = replica(EVERYTHING.withSeed(9), precision)) {
        losses(whole, items, 0, 8);
        losses(half, items, 0, 4);
        copy(half.modelState(), resumed.modelState());
        copy(half.optimizerState(), resumed.optimizerState());
        losses(resumed, items, 4, 4);
        assertThat(StateHash.of(resumed.modelState())).isEqualTo(StateHash.of(whole.modelState()));
        assertThat(StateHash.of(resumed.optimizerState()))
            .isEqualTo(StateHash.of(whole.optimizerState()));
      }
    }
  }

  private static void copy(List<NamedTensor> from, List<NamedTensor> to) {
    for (int i = 0; i < from.size(); i++) {
      assertThat(to.get(i).name()).isEqualTo(from.get(i).name());
      NativeMemory.copy(
          from.get(i).data().address(), to.get(i).data().address(), from.get(i).data().byteCount());
    }
  }

  @Test
  void shouldLeaveAStepOutWhoseGradientsAreNotFinite() {
    try (Items items = Items.classes(32, ITEM, 10, 3);
        Replica replica = replica(Jobs.cnn(), Precision.FP16);
        LocalExchange exchange = new LocalExchange(replica)) {
      String before = StateHash.of(replica.modelState());
      step(replica, items, exchange, Float.POSITIVE_INFINITY);
      assertThat(StateHash.of(replica.modelState())).isEqualTo(before);
      assertThat(scale(replica)).isEqualTo(32768);
      assertThat(count(replica, "step")).isZero();
      assertThat(count(replica, "scaler.good_steps")).isZero();
      step(replica, items, exchange, Float.NaN);
      assertThat(scale(replica)).isEqualTo(16384);
      step(replica, items, exchange, 0);
      assertThat(scale(replica)).isEqualTo(16384);
      assertThat(count(replica, "step")).isEqualTo(1);
      assertThat(count(replica, "scaler.good_steps")).isEqualTo(1);
      assertThat(StateHash.of(replica.modelState())).isNotEqualTo(before);
    }
  }

  @Test
  void shouldGiveUpWhenEvenTheSmallestScaleDoesNotHelp() {
    try (Items items = Items.classes(32, ITEM, 10, 3);
        Replica replica = replica(Jobs.cnn(), Precision.FP16);
        LocalExchange exchange = new LocalExchange(replica)) {
      assertThatThrownBy(
              () -> {
                NativeMemory.view(named(replica, "scaler.scale").data().address(), Float.BYTES)
                    .putFloat((float) (2 * LossScale.SMALLEST));
                step(replica, items, exchange, Float.NaN);
                assertThat(scale(replica)).isEqualTo((float) LossScale.SMALLEST);
                step(replica, items, exchange, Float.NaN);
              })
          .isInstanceOf(EngineException.class)
          .hasMessageContaining("train.precision: fp16")
          .hasMessageContaining("diverged");
      assertThat(scale(replica)).isEqualTo((float) LossScale.SMALLEST);
    }
  }

  /** One step, with {@code poison} added to one element of a reduced gradient. */
  private static void step(Replica replica, Items items, LocalExchange exchange, float poison) {
    exchange.clear();
    replica.forward(items.batch(0, 8, 8), 1);
    replica.backward(exchange);
    exchange.add(1, 3, poison);
    replica.optimize(0.01);
  }

  private static float scale(Replica replica) {
    return LocalExchange.floats(named(replica, "scaler.scale").data())[0];
  }

  private static long count(Replica replica, String name) {
    return NativeMemory.view(named(replica, name).data().address(), Long.BYTES).getLong();
  }

  private static NamedTensor named(Replica replica, String name) {
    return replica.optimizerState().stream()
        .filter(t -> t.name().equals(name))
        .findFirst()
        .orElseThrow();
  }
}
