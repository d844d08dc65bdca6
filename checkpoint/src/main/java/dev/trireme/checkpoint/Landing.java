package dev.trireme.checkpoint;

import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Device;
import dev.trireme.api.tensor.DeviceMemory;
import dev.trireme.api.tensor.NamedTensor;
import dev.trireme.api.tensor.TensorBuffer;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * Where values that are read from files go: to the tensors themselves where these stand in the
 * host's memory, else to a stretch of the host's memory and from there to the device.
 *
 * <p>Threading: one thread; one tensor after the other.
 */
final class Landing implements AutoCloseable {
  private final Map<String, NamedTensor> tensors;
  private final DeviceMemory memory;
  private final DeviceMemory.Piece staging;

  /**
   * Makes room for the largest tensor that stands on a device.
   *
   * @param memory that the tensors stand in
   */
  Landing(List<NamedTensor> tensors, DeviceMemory memory) {
    this.tensors =
        tensors.stream().collect(Collectors.toMap(NamedTensor::name, Function.identity()));
    this.memory = memory;
    long largest =
        tensors.stream()
            .map(NamedTensor::data)
            .filter(Landing::isAway)
            .mapToLong(TensorBuffer::byteCount)
            .max()
            .orElse(0);
    this.staging = memory.allocate(Device.CPU, DType.UINT8, largest);
  }

  private static boolean isAway(TensorBuffer data) {
    return data.device().kind() != Device.Kind.CPU;
  }

  /** Where the values of this tensor are to be written. */
  long address(String name) {
    TensorBuffer data = tensors.get(name).data();
    return isAway(data) ? staging.buffer().address() : data.address();
  }

  /** They have been written. */
  void landed(String name) {
    TensorBuffer data = tensors.get(name).data();
    if (isAway(data)) {
      memory.copy(staging.buffer().slice(0, data.byteCount()), data.bytes());
    }
  }

  @Override
  public void close() {
    staging.close();
  }
}
