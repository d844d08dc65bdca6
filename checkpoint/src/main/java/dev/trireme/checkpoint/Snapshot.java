package dev.trireme.checkpoint;

import dev.trireme.api.checkpoint.CheckpointException;
import dev.trireme.api.tensor.Device;
import dev.trireme.api.tensor.NamedTensor;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.checkpoint.format.SafetensorsHeader;
import java.util.List;
import java.util.Map;
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
  private static final int ALIGNMENT = 64;

  private NativeMemory.Block block = NativeMemory.allocate(0, ALIGNMENT);

  /**
   * Makes sure that so many bytes fit, and touches them.
   *
   * @throws CheckpointException when the host has not so much memory left
   */
  void reserve(long bytes) {
    if (bytes <= block.bytes()) {
      return;
    }
    block.close();
    try {
      block = NativeMemory.allocate(bytes, ALIGNMENT);
    } catch (OutOfMemoryError e) {
      block = NativeMemory.allocate(0, ALIGNMENT);
      throw new CheckpointException(
          "a checkpoint needs "
              + bytes
              + " bytes of memory on this rank for the copy of its part, and the host has not so"
              + " much left; use more ranks or a host with more memory",
          e);
    }
  }

  /**
   * Copies the values of a shard. Cost: one copy of its bytes.
   *
   * @param shard what to copy, and where
   * @param tensors by name; all of {@code shard} and perhaps more
   */
  void capture(List<SafetensorsHeader.Entry> shard, List<NamedTensor> tensors) {
    reserve(shard.isEmpty() ? 0 : shard.get(shard.size() - 1).end());
    Map<String, NamedTensor> byName =
        tensors.stream().collect(Collectors.toMap(NamedTensor::name, Function.identity()));
    for (SafetensorsHeader.Entry entry : shard) {
      NamedTensor tensor = byName.get(entry.spec().name());
      requireHostMemory(tensor);
      NativeMemory.copy(
          tensor.data().address(), block.address() + entry.begin(), entry.spec().byteCount());
    }
  }

  /** Where the copy begins. */
  long base() {
    return block.address();
  }

  /** Where the copy of a tensor's values begins. */
  long address(SafetensorsHeader.Entry entry) {
    return block.address() + entry.begin();
  }

  @Override
  public void close() {
    block.close();
  }

  static void requireHostMemory(NamedTensor tensor) {
    if (tensor.data().device().kind() != Device.Kind.CPU) {
      throw new CheckpointException(
          "tensor '"
              + tensor.name()
              + "' stands on "
              + tensor.data().device()
              + ", expected the host's memory; copy it there first");
    }
  }
}
