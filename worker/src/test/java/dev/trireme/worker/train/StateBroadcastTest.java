package dev.trireme.worker.train;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.api.fake.Diary;
import dev.trireme.api.fake.FakeDevice;
import dev.trireme.api.fake.FakeGroup;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.DeviceMemory;
import dev.trireme.api.tensor.NamedTensor;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.Shape;
import dev.trireme.api.tensor.StateHash;
import java.util.List;
import org.junit.jupiter.api.Test;

class StateBroadcastTest {
  @Test
  void shouldGiveStateOfADeviceOnThroughTheHostAndLeaveItAsItIs() {
    FakeDevice memory = new FakeDevice();
    long count = (40 << 20) / 4 + 3;
    try (NativeMemory.Block values = NativeMemory.allocate(count * 4, 64);
        DeviceMemory.Piece there = memory.allocate(FakeDevice.DEVICE, DType.FLOAT32, count);
        FakeGroup group = new FakeGroup(new Diary())) {
      NativeMemory.fill(values.address(), count * 4, (byte) 7);
      memory.copy(values.buffer(DType.FLOAT32, count), there.buffer());
      NamedTensor away = new NamedTensor("w", Shape.of(count), there.buffer());
      NamedTensor here = new NamedTensor("w", Shape.of(count), values.buffer(DType.FLOAT32, count));

      StateBroadcast.run(List.of(away, here), group, memory, 0);

      assertThat(StateHash.of(List.of(away), memory)).isEqualTo(StateHash.of(List.of(here)));
    }
  }
}
