package dev.trireme.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.trireme.api.checkpoint.CheckpointException;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.DeviceMemory;
import dev.trireme.api.tensor.NamedTensor;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.checkpoint.format.Manifest;
import dev.trireme.checkpoint.format.TensorSpec;
import dev.trireme.checkpoint.storage.FileSystemStorage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WeightsFileTest {
  @TempDir Path directory;

  private static Map<String, TensorSpec> layer(long outputs) {
    Map<String, TensorSpec> specs = new LinkedHashMap<>();
    State.put(specs, "0.weight", DType.FLOAT32, outputs, 3);
    State.put(specs, "0.bias", DType.FLOAT32, outputs);
    return specs;
  }

  /** A shard of a checkpoint is a safetensors file like any other. */
  private Path written(State state) {
    Path checkpoints = directory.resolve("checkpoints");
    Checkpoints.save(checkpoints, 1, state, 1, 1);
    return checkpoints.resolve("step-00000001").resolve("rank-00000.safetensors");
  }

  @Test
  void shouldReadExactlyTheTensorsOfTheModel() {
    try (State state = State.zeros(layer(4));
        State read = State.zeros(layer(4))) {
      state.fill(3);

      WeightsFile.load(written(state), read.tensors(), DeviceMemory.HOST);

      assertThat(read.hash()).isEqualTo(state.hash());
    }
  }

  @Test
  void shouldRefuseAnotherShapeAMissingAndAnExtraTensorAndTouchNothing() {
    Map<String, TensorSpec> other = layer(5);
    other.remove("0.bias");
    State.put(other, "1.bias", DType.FLOAT32, 2);
    try (State state = State.zeros(layer(4));
        State read = State.zeros(other)) {
      state.fill(3);
      String before = read.hash();

      assertThatThrownBy(() -> WeightsFile.load(written(state), read.tensors(), DeviceMemory.HOST))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining("'0.weight' (F32 4x3 in the file, F32 5x3 in the model)")
          .hasMessageContaining("1 missing in the file: '1.bias' (F32 2)")
          .hasMessageContaining("1 unknown to the model: '0.bias' (F32 4)");
      assertThat(read.hash()).isEqualTo(before);
    }
  }

  @Test
  void shouldExportTheModelUnderItsOwnNamesAndReadItBack() throws Exception {
    Map<String, TensorSpec> specs = new LinkedHashMap<>();
    layer(4).forEach((name, spec) -> put(specs, "model." + name, spec));
    State.put(specs, "optimizer.0.weight.exp_avg", DType.FLOAT32, 4, 3);
    Path checkpoints = directory.resolve("checkpoints");
    Path file = directory.resolve("model.safetensors");
    try (State state = State.zeros(specs);
        State read = State.zeros(layer(4));
        State model = State.zeros(layer(4))) {
      state.fill(3);
      Checkpoints.save(checkpoints, 2, state, 1, 1);
      CheckpointReader reader = new CheckpointReader(new FileSystemStorage(checkpoints));
      Manifest manifest = reader.glance("step-00000001");

      WeightsExport.write(reader, "step-00000001", manifest, file);

      WeightsFile.load(file, read.tensors(), DeviceMemory.HOST);
      for (int i = 0; i < 2; i++) {
        NamedTensor saved = state.tensors().get(i);
        NativeMemory.copy(
            saved.data().address(),
            model.tensors().get(i).data().address(),
            saved.data().byteCount());
      }
      assertThat(read.hash()).isEqualTo(model.hash());
      assertThat(Checkpoints.names(directory)).containsExactly("checkpoints", "model.safetensors");
    }
  }

  private static void put(Map<String, TensorSpec> specs, String name, TensorSpec like) {
    specs.put(name, new TensorSpec(name, like.dtype(), like.shape()));
  }

  @Test
  void shouldSayWhatIsNoSafetensorsFile() throws IOException {
    Path text = Files.writeString(directory.resolve("text"), "PK a pickle, perhaps, of PyTorch");
    Path tiny = Files.writeString(directory.resolve("tiny"), "x");

    for (Path file : List.of(text, tiny)) {
      assertThatThrownBy(() -> WeightsFile.tensors(file))
          .isInstanceOf(CheckpointException.class)
          .hasMessageStartingWith(file + " is not a whole safetensors file");
    }
    assertThatThrownBy(() -> WeightsFile.tensors(directory.resolve("none")))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("none is not there");
  }

  @Test
  void shouldReadPretrainedWeights() throws IOException {
    Path data = Path.of(System.getenv().getOrDefault("TRIREME_DATA", "../../shared/data"));
    Path pretrained = data.resolve("pretrained");
    assumeThat(pretrained).as("SKIPPED: no pretrained weights at %s", pretrained).isDirectory();
    Path file;
    try (Stream<Path> files = Files.walk(pretrained)) {
      file =
          files
              .filter(path -> path.toString().contains("silero"))
              .filter(path -> path.toString().endsWith(".safetensors"))
              .findAny()
              .orElse(pretrained);
    }
    assumeThat(file).as("SKIPPED: no silero-vad in %s", pretrained).isRegularFile();

    List<TensorSpec> tensors = WeightsFile.tensors(file);
    assertThat(tensors).hasSize(15).allMatch(spec -> spec.dtype() == DType.FLOAT32);
    Map<String, TensorSpec> specs =
        tensors.stream().collect(Collectors.toMap(TensorSpec::name, Function.identity()));
    try (State read = State.zeros(specs)) {
      String zeros = read.hash();
      WeightsFile.load(file, read.tensors(), DeviceMemory.HOST);
      assertThat(read.hash()).isNotEqualTo(zeros);
    }
  }
}
