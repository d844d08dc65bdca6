package dev.trireme.checkpoint;

import dev.trireme.api.checkpoint.CheckpointException;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Device;
import dev.trireme.api.tensor.DeviceMemory;
import dev.trireme.api.tensor.NamedTensor;
import dev.trireme.checkpoint.format.SafetensorsHeader;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * A copy of the tensors that this rank writes, laid out as they will lie in the shard, in memory
 * that is kept from one checkpoint to the next: the first copy into fresh pages takes many times as
 * long as one into pages that were touched before.
 *
 * <p>Threading: captured by the training thread, read by the writing one, never at the same time.
 */
final class Snapshot implements AutoCloseable {
  private final DeviceMemory memory;
  private DeviceMemory.Piece piece;

  /**
   * An empty one.
   *
   * @param memory that the tensors stand in, which gives the memory of the host that it copies to
   *     fastest
   */
  Snapshot(DeviceMemory memory) {
    this.memory = memory;
    this.piece = memory.allocate(Device.CPU, DType.UINT8, 0);
  }

  /**
   * Makes sure that so many bytes fit, and touches them.
   *
   * @throws CheckpointException when the host has not so much memory left
   */
  void reserve(long bytes) {
    if (bytes <= piece.buffer().count()) {
      return;
    }
    piece.close();
    piece = memory.allocate(Device.CPU, DType.UINT8, 0);
    try {
      piece = memory.allocate(Device.CPU, DType.UINT8, bytes);
    } catch (OutOfMemoryError | IllegalStateException e) {
      throw new CheckpointException(
          "a checkpoint needs "
              + bytes
              + " bytes of memory on this rank for the copy of its part, and the host has not so"
              + " much left; use more ranks or a host with more memory",
          e);
    }
  }

  /**
   * Copies the values of a shard. Cost: one copy of its bytes; those of a device come in the order
   * of its compute stream, so that what was computed before is in the copy.
   *
   * @param shard what to copy, and where
   * @param tensors by name; all of {@code shard} and perhaps more
   */
  void capture(List<SafetensorsHeader.Entry> shard, List<NamedTensor> tensors) {
    reserve(shard.isEmpty() ? 0 : shard.get(shard.size() - 1).end());
    Map<String, NamedTensor> byName =
        tensors.stream().collect(Collectors.toMap(NamedTensor::name, Function.identity()));
    Set<Device> devices = new LinkedHashSet<>();
    for (SafetensorsHeader.Entry entry : shard) {
      NamedTensor tensor = byName.get(entry.spec().name());
      requireMemoryOf(tensor, memory);
      memory.enqueueCopy(
          tensor.data().bytes(), piece.buffer().slice(entry.begin(), entry.spec().byteCount()));
      devices.add(tensor.data().device());
    }
    devices.forEach(memory::synchronize);
  }

  /** Where the copy begins. */
  long base() {
    return piece.buffer().address();
  }

  /** Where the copy of a tensor's values begins. */
  long address(SafetensorsHeader.Entry entry) {
    return base() + entry.begin();
  }

  @Override
  public void close() {
    piece.close();
  }

  static void requireMemoryOf(NamedTensor tensor, DeviceMemory memory) {
    if (tensor.data().device().kind() != Device.Kind.CPU && memory == DeviceMemory.HOST) {
      throw new CheckpointException(
          "tensor '"
              + tensor.name()
              + "' stands on "
              + tensor.data().device()
              + ", expected the host's memory; open the checkpointer with that device's");
    }
  }
}
