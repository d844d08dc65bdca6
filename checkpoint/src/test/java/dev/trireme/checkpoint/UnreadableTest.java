package dev.trireme.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.api.checkpoint.CheckpointException;
import dev.trireme.api.checkpoint.Checkpointer.Restored;
import dev.trireme.api.tensor.DeviceMemory;
import dev.trireme.checkpoint.format.CheckpointNames.WriteId;
import dev.trireme.checkpoint.storage.FileSystemStorage;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A storage that does not answer says nothing of a checkpoint: it is not damaged by that. */
class UnreadableTest {
  @TempDir Path directory;

  private ShakyStorage shaky(String checkpoint, ShakyStorage.At at) {
    return new ShakyStorage(new FileSystemStorage(directory), checkpoint, at);
  }

  private void save(long... steps) {
    try (State state = State.random(1)) {
      for (long step : steps) {
        Checkpoints.save(directory, 2, state, 1, step);
      }
    }
  }

  private Optional<Restored> restore(ShakyStorage storage, Optional<String> one, State into) {
    CheckpointPlace place = new CheckpointPlace(directory.toString(), storage, one);
    return new Restore(place, Lineage.UNKNOWN, into.tensors(), DeviceMemory.HOST, name -> {}).run();
  }

  @ParameterizedTest
  @EnumSource(names = {"OPEN", "READ"})
  void shouldNotGoBackToAnOlderOneBecauseTheStorageFailed(ShakyStorage.At at) {
    save(100, 200);
    ShakyStorage storage = shaky("step-00000200", at);
    try (State read = State.zeros()) {
      String before = read.hash();

      assertThatThrownBy(() -> restore(storage, Optional.empty(), read))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining("Input/output error")
          .hasMessageNotContaining("damaged");
      assertThatThrownBy(() -> restore(storage, Optional.of("step-00000200"), read))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining("cannot read the checkpoint")
          .hasMessageContaining("Input/output error");
      assertThat(read.hash()).isEqualTo(before);

      storage.recover();
      assertThat(restore(storage, Optional.empty(), read).orElseThrow().progress().step())
          .isEqualTo(200);
    }
  }

  @Test
  void shouldNotDeleteWhatCannotBeReadNow() throws IOException {
    save(100, 101, 102);
    new Pruning(
            shaky("step-00000100", ShakyStorage.At.OPEN),
            new Retention(1, OptionalLong.of(100), OptionalLong.empty()),
            Lineage.UNKNOWN,
            Set::of)
        .prune(new WriteId(1, 102));
    assertThat(Checkpoints.names(directory)).containsExactly("step-00000100", "step-00000102");
  }

  @Test
  void shouldNotReplaceWhatCannotBeReadNow() {
    save(100);
    ShakyStorage storage = shaky("step-00000100", ShakyStorage.At.OPEN);
    try (State state = State.random(2);
        LocalCheckpointer checkpointer =
            LocalCheckpointer.open(
                Checkpoints.config(directory, 0, 1), new TestGate(1), WriteProbe.NONE, storage)) {
      checkpointer.save(state.at(2, 100));

      assertThatThrownBy(() -> checkpointer.drain(Checkpoints.DEADLINE))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining("Input/output error");
    }
    try (State read = State.zeros()) {
      assertThat(Checkpoints.restore(directory, read).orElseThrow().generation()).isEqualTo(1);
    }
  }
}
