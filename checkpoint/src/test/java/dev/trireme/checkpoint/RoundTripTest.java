package dev.trireme.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.api.checkpoint.Checkpointer.Restored;
import dev.trireme.api.data.Cursor;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.train.Progress;
import dev.trireme.checkpoint.format.Manifest;
import dev.trireme.checkpoint.format.TensorSpec;
import dev.trireme.checkpoint.storage.FileSystemStorage;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RoundTripTest {
  @TempDir Path directory;

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 12})
  void shouldRestoreEveryBitWhateverTheNumberOfWriters(int worldSize) {
    Path checkpoints = directory.resolve("checkpoints");
    try (State written = State.random(1);
        State read = State.zeros()) {
      Checkpoints.save(checkpoints, worldSize, written, 3, 1200);

      Optional<Restored> restored = Checkpoints.restore(checkpoints, read);

      assertThat(restored)
          .contains(
              new Restored(
                  checkpoints.resolve("step-00001200").toString(),
                  3,
                  new Progress(1200, new Cursor(2, 1200 * 64)),
                  State.SEED));
      assertThat(read.hash()).isEqualTo(written.hash());
    }
  }

  @Test
  void shouldRestoreFromOneStep() {
    Path checkpoints = directory.resolve("checkpoints");
    try (State first = State.random(1);
        State second = State.random(2);
        State read = State.zeros()) {
      Checkpoints.save(checkpoints, 1, first, 1, 100);
      Checkpoints.save(checkpoints, 1, second, 1, 200);

      Checkpoints.restore(checkpoints.resolve("step-00000100"), read);

      assertThat(read.hash()).isEqualTo(first.hash());
    }
  }

  @Test
  void shouldTakeTheNewestOfSeveral() {
    Path checkpoints = directory.resolve("checkpoints");
    try (State first = State.random(1);
        State second = State.random(2);
        State read = State.zeros()) {
      Checkpoints.save(checkpoints, 2, second, 1, 100_000_000);
      Checkpoints.save(checkpoints, 2, first, 1, 99_999_999);

      Optional<Restored> restored = Checkpoints.restore(checkpoints, read);

      assertThat(restored.orElseThrow().progress().step()).isEqualTo(100_000_000);
      assertThat(read.hash()).isEqualTo(second.hash());
    }
  }

  @Test
  void shouldReadAndWriteMoreThanOneChunk() {
    Map<String, TensorSpec> specs = new LinkedHashMap<>();
    State.put(specs, "large", DType.UINT8, 2L * CheckpointReader.CHUNK_BYTES + 5);
    State.put(specs, "small", DType.FLOAT64, 3);
    Path checkpoints = directory.resolve("checkpoints");
    try (State written = State.zeros(specs);
        State read = State.zeros(specs)) {
      written.fill(5);
      Checkpoints.save(checkpoints, 1, written, 1, 1);

      Checkpoints.restore(checkpoints, read);

      assertThat(read.hash()).isEqualTo(written.hash());
    }
  }

  @Test
  void shouldFindNothingInADirectoryWithoutCheckpoints() throws Exception {
    Path checkpoints = Files.createDirectory(directory.resolve("checkpoints"));
    Files.writeString(checkpoints.resolve("notes.txt"), "step-00000001");
    Files.createDirectory(checkpoints.resolve("step-1"));
    try (State read = State.random(1)) {
      String before = read.hash();

      assertThat(Checkpoints.restore(checkpoints, read)).isEmpty();
      assertThat(read.hash()).isEqualTo(before);
    }
  }

  @Test
  void shouldSayInTheManifestWhatWasSaved() throws Exception {
    try (State written = State.random(1)) {
      Checkpoints.save(directory, 2, written, 3, 1200);
    }

    Manifest manifest =
        new CheckpointReader(new FileSystemStorage(directory)).glance("step-00001200");

    assertThat(manifest.generation()).isEqualTo(3);
    assertThat(manifest.worldSize()).isEqualTo(2);
    assertThat(manifest.resolvedSpec()).isEqualTo(State.SPEC);
    assertThat(manifest.tensors().stream().map(Manifest.StoredTensor::spec))
        .containsExactlyInAnyOrderElementsOf(State.model().values());
    assertThat(Checkpoints.names(directory.resolve("step-00001200")))
        .isEqualTo(List.of("manifest.json", "rank-00000.safetensors", "rank-00001.safetensors"));
  }

  @Test
  void shouldCommitTheStateOfTheMomentOfTheSave() {
    try (State state = State.random(1);
        State read = State.zeros();
        LocalCheckpointer checkpointer = Checkpoints.single(directory.resolve("checkpoints"))) {
      String before = state.hash();
      checkpointer.prepare(state.tensors());
      checkpointer.save(state.at(1, 1));
      state.fill(2);
      checkpointer.drain(Checkpoints.DEADLINE);

      checkpointer.restore(directory.resolve("checkpoints").toString(), read.tensors());

      assertThat(read.hash()).isEqualTo(before).isNotEqualTo(state.hash());
    }
  }
}
