package dev.trireme.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.trireme.api.engine.EngineException;
import dev.trireme.api.engine.Replica;
import dev.trireme.api.job.ModelSpec;
import dev.trireme.api.job.TrainSpec.Precision;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NamedTensor;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.Shape;
import dev.trireme.api.tensor.StateHash;
import dev.trireme.api.tensor.TensorBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.BoolType;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.QualifiedName;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.Type;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ScriptModelTest {
  private static final Shape ITEM = Shape.of(4);
  private static final String FORWARD =
      "def forward(self, x):\n"
          + "    h = torch.dropout(torch.linear(x, self.w, self.b), 0.2, self.training)\n"
          + "    return torch.linear(torch.relu(h * self.running_var), self.v)\n";

  private final TorchEngine engine = TorchEngine.load(1);
  @TempDir Path dir;

  private Path script(boolean trainable, String forward) {
    torch.manual_seed(5);
    JitModule module = new JitModule(new QualifiedName("__torch__.Scripted"));
    add(module, "w", Shape.of(6, 4), trainable);
    add(module, "b", Shape.of(6), trainable);
    add(module, "v", Shape.of(3, 6), trainable);
    Tensor ones = Tensors.zeros(Shape.of(6), DType.FLOAT32).fill_(new Scalar(1));
    module.register_buffer("running_var", ones);
    module.register_buffer("num_batches_tracked", Tensors.zeros(Shape.of(), DType.INT64));
    return saved(module, forward, "model-" + trainable + ".pt");
  }

  private Path saved(JitModule module, String forward, String name) {
    Path file = dir.resolve(name);
    module.register_attribute(
        "training", new Type.TypePtr(BoolType.get()), new IValue(true), false, false);
    module.define(forward);
    module.save(file.toString());
    return file;
  }

  private static void add(JitModule module, String name, Shape shape, boolean trainable) {
    Tensor tensor = Tensors.zeros(shape, DType.FLOAT32).normal_();
    module.register_parameter(name, tensor.set_requires_grad(trainable), false);
  }

  @Test
  void shouldUpdateATensorOfTwoNamesOnce() {
    JitModule module = new JitModule(new QualifiedName("__torch__.Tied"));
    Tensor weight = Tensors.zeros(Shape.of(3, 4), DType.FLOAT32).normal_();
    module.register_parameter("a", weight.set_requires_grad(true), false);
    module.register_parameter("b", weight, false);
    String forward =
        "def forward(self, x):\n    return torch.linear(x, self.a) + torch.linear(x, self.b)\n";
    try (Items items = Items.classes(8, ITEM, 3, 3);
        Replica replica = replica(saved(module, forward, "tied.pt"));
        LocalExchange exchange = new LocalExchange(replica)) {
      assertThat(replica.parameters().stream().map(p -> p.tensor().name())).containsExactly("a");
      assertThat(replica.modelState().stream().map(NamedTensor::name)).containsExactly("a", "b");
      steps(replica, exchange, items, 0, 1);
      assertThat(exchange.order()).containsExactly(0);
      assertThat(bytes(replica.modelState().get(0).data()))
          .isEqualTo(bytes(replica.modelState().get(1).data()));
    }
  }

  private Replica replica(Path file) {
    return replica(file, Precision.FLOAT32);
  }

  private Replica replica(Path file, Precision precision) {
    ModelSpec model =
        new ModelSpec(List.of(), Optional.of(file.toString()), Optional.empty(), Optional.empty());
    return engine.replica(
        Jobs.model(model).with(precision).spec(), Jobs.data(ITEM, 3), getClass().getClassLoader());
  }

  @Test
  void shouldTrainAScript() {
    try (Items items = Items.classes(32, ITEM, 3, 3);
        Replica replica = replica(script(true, FORWARD));
        LocalExchange exchange = new LocalExchange(replica)) {
      assertThat(replica.parameters().stream().map(p -> p.tensor().name()))
          .containsExactlyInAnyOrder("w", "b", "v");
      assertThat(replica.statistics().stream().map(NamedTensor::name))
          .containsExactly("running_var");
      double before = replica.evaluate(items.all()).lossSum();
      steps(replica, exchange, items, 0, 60);
      assertThat(exchange.order()).hasSize(3);
      assertThat(replica.evaluate(items.all()).lossSum()).isLessThan(before);
    }
  }

  /** As PyTorch's BatchNorm does: a forward counts itself. */
  @Test
  void shouldCountUpdatesHoweverManyForwardsThereWere() {
    String forward =
        FORWARD.replace(
            "    h =", "    if self.training:\n        self.num_batches_tracked.add_(1)\n    h =");
    try (Items items = Items.classes(8, ITEM, 3, 3);
        Replica replica = replica(script(true, forward));
        LocalExchange exchange = new LocalExchange(replica)) {
      TensorBuffer count =
          replica.modelState().stream()
              .filter(t -> t.name().equals("num_batches_tracked"))
              .findAny()
              .orElseThrow()
              .data();
      for (int forwards = 0; forwards < 3; forwards++) {
        exchange.clear();
        for (int i = 0; i < forwards; i++) {
          replica.forward(items.all(), i);
          assertThat(bytes(count)[0]).isEqualTo((byte) forwards);
          replica.backward(exchange);
        }
        replica.optimize(0.05);
        replica.evaluate(items.all());
        assertThat(bytes(count)[0]).isEqualTo((byte) (forwards + 1));
      }
      replica.counted(7);
      assertThat(bytes(count)[0]).as("by whoever makes the updates elsewhere").isEqualTo((byte) 7);
    }
  }

  @Test
  void shouldTrainAScriptInMixedPrecision() {
    Path file = script(true, FORWARD);
    try (Items items = Items.classes(32, ITEM, 3, 3);
        Replica exact = replica(file);
        Replica coarse = replica(file, Precision.BF16);
        LocalExchange exchange = new LocalExchange(coarse)) {
      double loss = exact.forward(items.all(), 7).lossSum();
      assertThat(coarse.forward(items.all(), 7).lossSum())
          .isNotEqualTo(loss)
          .isCloseTo(loss, within(0.02 * loss));
      double before = coarse.evaluate(items.all()).lossSum();
      steps(coarse, exchange, items, 0, 60);
      assertThat(coarse.evaluate(items.all()).lossSum()).isLessThan(before);
    }
  }

  @Test
  void shouldRepeatItsBitsAfterAResume() {
    Path file = script(true, FORWARD);
    String whole;
    List<byte[]> middle = new ArrayList<>();
    try (Items items = Items.classes(32, ITEM, 3, 3);
        Replica replica = replica(file);
        LocalExchange exchange = new LocalExchange(replica)) {
      steps(replica, exchange, items, 0, 5);
      replica.modelState().forEach(tensor -> middle.add(bytes(tensor.data())));
      steps(replica, exchange, items, 5, 10);
      whole = StateHash.of(replica.modelState());
    }
    try (Items items = Items.classes(32, ITEM, 3, 3);
        Replica replica = replica(file);
        LocalExchange exchange = new LocalExchange(replica)) {
      for (int i = 0; i < middle.size(); i++) {
        byte[] from = middle.get(i);
        NativeMemory.write(from, 0, from.length, replica.modelState().get(i).data().address());
      }
      steps(replica, exchange, items, 5, 10);
      assertThat(StateHash.of(replica.modelState())).isEqualTo(whole);
    }
  }

  private static void steps(
      Replica replica, LocalExchange exchange, Items items, int from, int to) {
    for (int step = from; step < to; step++) {
      exchange.clear();
      replica.forward(items.all(), step);
      replica.backward(exchange);
      replica.optimize(0.05);
    }
  }

  private static byte[] bytes(TensorBuffer buffer) {
    byte[] bytes = new byte[(int) buffer.byteCount()];
    NativeMemory.read(buffer.address(), bytes, 0, bytes.length);
    return bytes;
  }

  @Test
  void shouldRefuseWhatIsNoTrainableScript() throws Exception {
    assertThatThrownBy(() -> replica(dir.resolve("none.pt")))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("none.pt");
    assertThatThrownBy(() -> replica(dir)).isInstanceOf(EngineException.class);
    Path text = Files.writeString(dir.resolve("text.pt"), "not a model");
    assertThatThrownBy(() -> replica(text))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("text.pt")
        .hasMessageNotContaining("frame #");
    assertThatThrownBy(() -> replica(script(false, FORWARD)))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("wants a gradient");
  }

  @Test
  void shouldRefuseAScriptThatReturnsNoTensor() {
    String forward = "def forward(self, x):\n    return torch.linear(x, self.w), self.b\n";
    try (Items items = Items.classes(4, ITEM, 3, 3);
        Replica replica = replica(script(true, forward))) {
      assertThatThrownBy(() -> replica.forward(items.all(), 1))
          .isInstanceOf(EngineException.class)
          .hasMessageContaining("one tensor")
          .hasMessageContaining("Tuple");
    }
  }
}
