package dev.trireme.allreduce.nccl;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Device;
import dev.trireme.api.tensor.DeviceMemory;
import dev.trireme.api.tensor.TensorBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

class LeftoversTest {
  private final List<String> freed = new ArrayList<>();

  private DeviceMemory.Piece piece(String name) {
    return new DeviceMemory.Piece() {
      @Override
      public TensorBuffer buffer() {
        return TensorBuffer.cpu(0, DType.UINT8, 0);
      }

      @Override
      public void close() {
        freed.add(name);
      }
    };
  }

  @Test
  void shouldFreeEachPieceOnceAndNoneBeforeTheEnd() {
    Leftovers leftovers = new Leftovers();
    leftovers.take(piece("one"));
    leftovers.take(piece("other"));
    assertThat(freed).isEmpty();
    leftovers.end();
    leftovers.end();
    assertThat(freed).containsExactly("one", "other");
    leftovers.take(piece("late"));
    assertThat(freed).containsExactly("one", "other", "late");
  }

  @Test
  void shouldFreeAtOnceOnlyWhereNothingIsInFlight() {
    AtomicBoolean idle = new AtomicBoolean(true);
    Leftovers leftovers = new Leftovers();
    DeviceMemory memory = leftovers.inFrontOf(new Named(), idle::get);
    memory.allocate(Device.CPU, DType.UINT8, 1).close();
    assertThat(freed).containsExactly("1");
    DeviceMemory.Piece stuck = memory.allocate(Device.CPU, DType.UINT8, 2);
    idle.set(false);
    stuck.close();
    stuck.close();
    assertThat(freed).containsExactly("1");
    leftovers.end();
    assertThat(freed).containsExactly("1", "2");
  }

  /** Memory whose pieces are named after how much was asked for. */
  private final class Named implements DeviceMemory {
    @Override
    public Piece allocate(Device device, DType dtype, long count) {
      return piece(String.valueOf(count));
    }

    @Override
    public void copy(TensorBuffer from, TensorBuffer to) {}

    @Override
    public void enqueueCopy(TensorBuffer from, TensorBuffer to) {}

    @Override
    public void enqueueZero(TensorBuffer buffer) {}

    @Override
    public void synchronize(Device device) {}
  }
}
