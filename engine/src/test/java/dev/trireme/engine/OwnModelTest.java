package dev.trireme.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.trireme.api.engine.EngineException;
import dev.trireme.api.engine.Replica;
import dev.trireme.api.job.ModelSpec;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NamedTensor;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.Shape;
import dev.trireme.api.tensor.StateHash;
import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;

class OwnModelTest {
  private static final Shape ITEM = Shape.of(3);

  private final TorchEngine engine = TorchEngine.load(1);

  /** {@code x W W}, and a parameter that the loss does not depend on. */
  public static final class Tied implements ModelFactory {
    @Override
    public TorchModel build(long seed, Shape itemShape, int classes) {
      Module module = new Module();
      Tensor weight = Tensors.zeros(Shape.of(classes, itemShape.dim(0)), DType.FLOAT32).normal_();
      module.register_parameter("weight", weight);
      module.register_parameter("idle", Tensors.zeros(Shape.of(2), DType.FLOAT32));
      module.register_buffer("constant", Tensors.zeros(Shape.of(4), DType.FLOAT32));
      TensorOptional none = new TensorOptional();
      return new TorchModel() {
        @Override
        public Module module() {
          return module;
        }

        @Override
        public Tensor forward(Tensor input) {
          return torch.linear(torch.linear(input, weight, none), weight, none);
        }
      };
    }
  }

  /** {@code x (a + b)}, where both names are of one tensor, and two names of one count. */
  public static final class TwoNames implements ModelFactory {
    @Override
    public TorchModel build(long seed, Shape itemShape, int classes) {
      Module module = new Module();
      Tensor weight = Tensors.zeros(Shape.of(classes, itemShape.dim(0)), DType.FLOAT32).normal_();
      Tensor count = Tensors.zeros(Shape.of(), DType.INT64);
      module.register_parameter("a", weight);
      module.register_parameter("b", weight);
      module.register_buffer("num_batches_tracked", count);
      module.register_buffer("other_num_batches_tracked", count);
      TensorOptional none = new TensorOptional();
      return new TorchModel() {
        @Override
        public Module module() {
          return module;
        }

        @Override
        public Tensor forward(Tensor input) {
          count.add_(new Scalar(1));
          return torch.linear(input, weight.add(weight), none);
        }
      };
    }
  }

  /** Fails. */
  public static final class Failing implements ModelFactory {
    @Override
    public TorchModel build(long seed, Shape itemShape, int classes) {
      throw new IllegalArgumentException("no such thing");
    }
  }

  /** Has no public constructor without parameters. */
  public static final class Hidden implements ModelFactory {
    private Hidden() {}

    @Override
    public TorchModel build(long seed, Shape itemShape, int classes) {
      throw new IllegalStateException();
    }
  }

  private Replica replica(Class<?> factory) {
    return replica(factory.getName(), 1);
  }

  private Replica replica(String className, long seed) {
    ModelSpec model =
        new ModelSpec(List.of(), Optional.empty(), Optional.of(className), Optional.empty());
    return engine.replica(
        Jobs.model(model).withSeed(seed).spec(), Jobs.data(ITEM, 3), getClass().getClassLoader());
  }

  @Test
  void shouldHandOverTheFinalGradientOnceWhereAParameterIsUsedTwice() {
    try (Items items = Items.classes(8, ITEM, 3, 3);
        Replica replica = replica(Tied.class);
        LocalExchange exchange = new LocalExchange(replica)) {
      assertThat(replica.modelState().stream().map(NamedTensor::name))
          .containsExactly("weight", "idle", "constant");
      assertThat(replica.statistics()).isEmpty();
      replica.forward(items.all(), 1);
      replica.backward(exchange);

      assertThat(exchange.order()).containsExactly(0, 1);
      assertThat(exchange.gradient(1)).containsOnly(0f);
      var weight = NativeMemory.view(replica.parameters().get(0).tensor().data().address(), 36);
      for (int i = 0; i < 9; i++) {
        float value = weight.getFloat(4 * i);
        float h = 1e-2f;
        weight.putFloat(4 * i, value + h);
        double up = replica.evaluate(items.all()).lossSum();
        weight.putFloat(4 * i, value - h);
        double down = replica.evaluate(items.all()).lossSum();
        weight.putFloat(4 * i, value);
        assertThat((double) exchange.gradient(0)[i])
            .isCloseTo((up - down) / (2 * h) / 8, within(5e-3));
      }
    }
  }

  @Test
  void shouldUpdateATensorOfTwoNamesOnce() {
    try (Items items = Items.classes(8, ITEM, 3, 3);
        Replica replica = replica(TwoNames.class);
        LocalExchange exchange = new LocalExchange(replica)) {
      assertThat(replica.parameters().stream().map(p -> p.tensor().name())).containsExactly("a");
      // As in PyTorch's state dict, so that a checkpoint can be loaded there.
      assertThat(replica.modelState().stream().map(NamedTensor::name))
          .containsExactly("a", "b", "num_batches_tracked", "other_num_batches_tracked");
      float[] before = LocalExchange.floats(replica.modelState().get(0).data());
      replica.forward(items.all(), 1);
      replica.backward(exchange);
      replica.forward(items.all(), 1);
      assertThat(exchange.order()).containsExactly(0);
      float[] gradient = exchange.gradient(0);
      replica.optimize(0.5);

      float[] after = LocalExchange.floats(replica.modelState().get(1).data());
      for (int i = 0; i < before.length; i++) {
        assertThat(after[i]).isEqualTo(before[i] - 0.5f * gradient[i]);
      }
      var count = replica.modelState().get(2).data();
      assertThat(NativeMemory.view(count.address(), 8).getLong()).isEqualTo(1);
    }
  }

  @Test
  void shouldTrainAModelOfTheJobsOwn() {
    try (Items items = Items.classes(8, ITEM, 3, 3);
        Replica replica = replica(Tied.class);
        LocalExchange exchange = new LocalExchange(replica)) {
      double before = replica.evaluate(items.all()).lossSum();
      for (int step = 0; step < 50; step++) {
        exchange.clear();
        replica.forward(items.all(), step);
        replica.backward(exchange);
        replica.optimize(0.05);
      }
      assertThat(replica.evaluate(items.all()).lossSum()).isLessThan(before);
    }
  }

  @Test
  void shouldSeedTheModelsOwnInitialisation() {
    try (Replica a = replica(Tied.class.getName(), 1);
        Replica b = replica(Tied.class.getName(), 1);
        Replica c = replica(Tied.class.getName(), 2)) {
      String hash = StateHash.of(a.modelState());
      assertThat(hash)
          .isEqualTo(StateHash.of(b.modelState()))
          .isNotEqualTo(StateHash.of(c.modelState()));
    }
  }

  @Test
  void shouldSayWhatIsWrongWithAModelClass() {
    assertThatThrownBy(() -> replica("com.acme.Missing", 1))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("com.acme.Missing")
        .hasMessageContaining("model.jar");
    assertThatThrownBy(() -> replica(String.class))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("java.lang.String")
        .hasMessageContaining(ModelFactory.class.getName());
    assertThatThrownBy(() -> replica(Hidden.class))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("public constructor");
    assertThatThrownBy(() -> replica(Failing.class))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("no such thing");
  }
}
