package dev.trireme.allreduce.exchange;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Device;
import dev.trireme.api.tensor.DeviceMemory;
import dev.trireme.api.tensor.NamedTensor;
import dev.trireme.api.tensor.Shape;
import dev.trireme.api.tensor.TensorBuffer;
import java.lang.reflect.Proxy;
import java.util.List;
import org.junit.jupiter.api.Test;

class StepSumsTest {
  /** A peer's death ends the group's allocation, and nobody would free what was made before it. */
  @Test
  void shouldTakeNoMemoryOfItsOwnBeforeTheGroupHasGivenIts() {
    ProcessGroup broken = refusing(ProcessGroup.class, "rank 1 is lost");
    DeviceMemory untouched = refusing(DeviceMemory.class, "page-locked memory was taken");
    TensorBuffer onDevice = new TensorBuffer(64, DType.FLOAT32, 4, new Device(Device.Kind.CUDA, 0));
    NamedTensor mean = new NamedTensor("mean", Shape.of(4), onDevice);
    assertThatThrownBy(() -> new StepSums(broken, List.of(mean), untouched))
        .hasMessage("rank 1 is lost");
  }

  private static <T> T refusing(Class<T> type, String why) {
    return type.cast(
        Proxy.newProxyInstance(
            type.getClassLoader(),
            new Class<?>[] {type},
            (proxy, method, arguments) -> {
              throw new IllegalStateException(why);
            }));
  }
}
