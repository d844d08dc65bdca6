package dev.trireme.ps;

import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NativeMemory;
import java.nio.LongBuffer;

/** What rank 0 tells ahead of the state that fresh shards begin with. */
final class Beginning {
  private Beginning() {}

  /**
   * A broadcast from rank 0; the arguments count there alone.
   *
   * @return step, updates and slots
   */
  static long[] counts(ProcessGroup group, long step, long updates, long slots) {
    try (NativeMemory.Block block = NativeMemory.allocate(24, 64)) {
      LongBuffer view = NativeMemory.view(block.address(), 24).asLongBuffer();
      view.put(0, new long[] {step, updates, slots});
      group.broadcast(block.buffer(DType.INT64, 3), 0).await();
      long[] counts = new long[3];
      view.get(0, counts);
      return counts;
    }
  }
}
