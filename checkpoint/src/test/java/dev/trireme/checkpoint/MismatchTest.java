package dev.trireme.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.api.checkpoint.CheckpointException;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Device;
import dev.trireme.api.tensor.NamedTensor;
import dev.trireme.api.tensor.Shape;
import dev.trireme.api.tensor.TensorBuffer;
import dev.trireme.checkpoint.format.TensorSpec;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MismatchTest {
  @TempDir Path directory;
  private Path checkpoints;

  @BeforeEach
  void saveOne() {
    checkpoints = directory.resolve("checkpoints");
    try (State state = State.random(1)) {
      Checkpoints.save(checkpoints, 2, state, 1, 100);
    }
  }

  private void shouldRefuse(Map<String, TensorSpec> specs, String... fragments) {
    try (State read = State.zeros(specs)) {
      String before = read.hash();
      for (Path source : List.of(checkpoints, checkpoints.resolve("step-00000100"))) {
        assertThatThrownBy(() -> Checkpoints.restore(source, read))
            .isInstanceOf(CheckpointException.class)
            .hasMessageContaining("does not fit this job")
            .hasMessageContaining("resumeFrom")
            .hasMessageContainingAll(fragments);
      }
      assertThat(read.hash()).isEqualTo(before);
    }
  }

  @Test
  void shouldRefuseAnotherShape() {
    Map<String, TensorSpec> specs = State.model();
    State.put(specs, "model.0.weight", DType.FLOAT32, 32, 9);
    shouldRefuse(
        specs,
        "1 of another type or shape: 'model.0.weight' (F32 32x3x3 in the checkpoint, F32 32x9 in"
            + " the job)");
  }

  @Test
  void shouldRefuseAnotherType() {
    Map<String, TensorSpec> specs = State.model();
    State.put(specs, "optimizer.step", DType.FLOAT32, 1);
    shouldRefuse(specs, "'optimizer.step' (I32 1 in the checkpoint, F32 1 in the job)");
  }

  @Test
  void shouldRefuseATensorTheCheckpointHasNot() {
    Map<String, TensorSpec> specs = State.model();
    State.put(specs, "model.1.weight", DType.FLOAT32, 4);
    shouldRefuse(specs, "1 missing in the checkpoint: 'model.1.weight' (F32 4)");
  }

  @Test
  void shouldRefuseATensorTheJobHasNot() {
    Map<String, TensorSpec> specs = State.model();
    specs.remove("model.0.bias");
    shouldRefuse(specs, "1 unknown to the job: 'model.0.bias' (F32 32)");
  }

  @Test
  void shouldNameTheFirstFewOfManyDifferences() {
    Map<String, TensorSpec> specs = new LinkedHashMap<>();
    State.put(specs, "other", DType.FLOAT32, 4);
    shouldRefuse(specs, "9 unknown to the job", "and 6 more", "1 missing in the checkpoint");
  }

  @Test
  void shouldRefuseTensorsOfAnotherDevice() {
    NamedTensor far =
        new NamedTensor(
            "far",
            Shape.of(1),
            new TensorBuffer(4096, DType.FLOAT32, 1, new Device(Device.Kind.CUDA, 0)));
    try (LocalCheckpointer checkpointer = Checkpoints.single(directory.resolve("own"))) {
      assertThatThrownBy(() -> checkpointer.restore(checkpoints.toString(), List.of(far)))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining("expected the host's memory");
    }
  }

  @Test
  void shouldRefuseToSaveTwoTensorsOfOneName() {
    try (State state = State.random(1);
        LocalCheckpointer checkpointer = Checkpoints.single(directory.resolve("own"))) {
      List<NamedTensor> twice = List.of(state.tensors().get(0), state.tensors().get(0));
      assertThatThrownBy(() -> checkpointer.prepare(twice))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining("two tensors are named 'model.0.weight'");
    }
  }
}
