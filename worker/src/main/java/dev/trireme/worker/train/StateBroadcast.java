package dev.trireme.worker.train;

import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Device;
import dev.trireme.api.tensor.DeviceMemory;
import dev.trireme.api.tensor.NamedTensor;
import dev.trireme.api.tensor.TensorBuffer;
import java.util.List;

/**
 * Gives one rank's state to all: in place where the group reaches the memory that it stands in,
 * else piece by piece through a stretch of the host's.
 *
 * <p>Cost: one broadcast of the state's bytes; through the host also two copies, with {@value
 * #STAGED_BYTES} bytes of page-locked memory.
 */
final class StateBroadcast {
  /** Large enough that copies and messages run at full speed. */
  private static final long STAGED_BYTES = 16 << 20;

  private StateBroadcast() {}

  /**
   * A collective call: every rank makes it with tensors of the same names and sizes, in one order.
   *
   * @param memory that the tensors stand in
   * @param root the rank that has the state
   * @throws dev.trireme.api.collective.CollectiveException when the formation breaks; the state is
   *     then half another's
   */
  static void run(List<NamedTensor> state, ProcessGroup group, DeviceMemory memory, int root) {
    for (NamedTensor tensor : state) {
      TensorBuffer bytes = tensor.data().bytes();
      if (group.reaches(bytes.device())) {
        group.broadcast(bytes, root).await();
      } else {
        throughHost(bytes, group, memory, root);
      }
    }
  }

  private static void throughHost(
      TensorBuffer bytes, ProcessGroup group, DeviceMemory memory, int root) {
    long piece = Math.min(STAGED_BYTES, bytes.count());
    try (DeviceMemory.Piece host = memory.allocate(Device.CPU, DType.UINT8, piece)) {
      for (long at = 0; at < bytes.count(); at += piece) {
        long length = Math.min(piece, bytes.count() - at);
        TensorBuffer there = bytes.slice(at, length);
        TensorBuffer here = host.buffer().slice(0, length);
        if (group.rank() == root) {
          memory.copy(there, here);
        }
        group.broadcast(here, root).await();
        if (group.rank() != root) {
          memory.copy(here, there);
        }
      }
    }
  }
}
