package dev.trireme.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.api.checkpoint.CheckpointContent;
import dev.trireme.api.checkpoint.CheckpointException;
import dev.trireme.api.fake.FakeDevice;
import dev.trireme.api.tensor.DeviceMemory;
import dev.trireme.api.tensor.NamedTensor;
import dev.trireme.api.tensor.StateHash;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** State on a device whose memory nobody can touch but through {@link DeviceMemory}. */
class DeviceStateTest {
  private final FakeDevice memory = new FakeDevice();
  private final List<DeviceMemory.Piece> pieces = new ArrayList<>();

  @TempDir Path directory;

  @Test
  void shouldSaveAndRestoreStateOnADeviceBitForBit() throws Exception {
    CheckpointerConfig config = new CheckpointerConfig(directory, 0, 1, 3, Checkpoints.DEADLINE);
    try (State state = State.random(5);
        LocalCheckpointer checkpointer =
            LocalCheckpointer.open(config, new TestGate(1), WriteProbe.NONE, memory)) {
      CheckpointContent content = state.at(1, 10);
      List<NamedTensor> away = onDevice(state.tensors(), true);
      checkpointer.prepare(away);
      checkpointer.save(
          new CheckpointContent(
              content.generation(), content.progress(), content.seed(), State.SPEC, away));
      checkpointer.drain(Duration.ofSeconds(30));

      List<NamedTensor> back = onDevice(state.tensors(), false);
      assertThat(checkpointer.restore(directory.toString(), back)).isPresent();

      assertThat(StateHash.of(back, memory)).isEqualTo(state.hash());
    } finally {
      pieces.forEach(DeviceMemory.Piece::close);
    }
  }

  @Test
  void shouldRefuseTensorsOfADeviceWithoutItsMemory() {
    CheckpointerConfig config = new CheckpointerConfig(directory, 0, 1, 3, Checkpoints.DEADLINE);
    try (State state = State.random(5);
        LocalCheckpointer checkpointer = LocalCheckpointer.open(config, new TestGate(1))) {
      List<NamedTensor> away = onDevice(state.tensors(), false);
      assertThatThrownBy(() -> checkpointer.prepare(away))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining("open the checkpointer with that device's");
    } finally {
      pieces.forEach(DeviceMemory.Piece::close);
    }
  }

  private List<NamedTensor> onDevice(List<NamedTensor> tensors, boolean values) {
    List<NamedTensor> moved = new ArrayList<>();
    for (NamedTensor tensor : tensors) {
      DeviceMemory.Piece piece =
          memory.allocate(FakeDevice.DEVICE, tensor.dtype(), tensor.data().count());
      pieces.add(piece);
      if (values) {
        memory.copy(tensor.data(), piece.buffer());
      }
      moved.add(new NamedTensor(tensor.name(), tensor.shape(), piece.buffer()));
    }
    return moved;
  }
}
