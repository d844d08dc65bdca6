package dev.trireme.allreduce.group;

import dev.trireme.allreduce.kernel.Reduction;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;

/**
 * All-reduce of a few bytes. Each rank copies its elements into a slot that all can address,
 * announces the operation, and once all have announced it adds up all slots in order of rank. One
 * rendezvous; every rank reads W times S bytes and writes twice S. All ranks compute the same sum
 * in the same order, so they end with the same bits.
 *
 * <p>A rank has two slots and takes them in turn. It announces a direct all-reduce only once all of
 * its earlier operations are done. So when direct all-reduce k+1 completes on a rank, every peer
 * has completed the k-th, and its slot is free for the k+2nd.
 */
final class DirectAllReduce extends Operation {
  private final SharedGroup group;
  private final TensorBuffer buffer;
  private final Reduction reduction;
  private int slot;

  DirectAllReduce(
      SharedGroup group, Signature signature, TensorBuffer buffer, Reduction reduction) {
    super(group.sequencer(), signature, buffer);
    this.group = group;
    this.buffer = buffer;
    this.reduction = reduction;
  }

  /** Takes its slot only here, in the order of operations: a start that was refused takes none. */
  @Override
  void prepare() {
    slot = group.nextSlot();
    NativeMemory.copy(
        buffer.address(), group.memory().slot(group.rank(), slot), buffer.byteCount());
  }

  @Override
  long place() {
    return 0;
  }

  @Override
  void begin() {}

  @Override
  Outcome advance() {
    long[] slots = new long[group.worldSize()];
    for (int rank = 0; rank < slots.length; rank++) {
      slots[rank] = group.memory().slot(rank, slot);
    }
    NativeMemory.copy(slots[0], buffer.address(), buffer.byteCount());
    reduction.reduceAll(buffer.address(), slots, 0, 0, buffer.count());
    return Outcome.DONE;
  }

  @Override
  String done() {
    return "0 of " + buffer.byteCount() + " bytes done";
  }

  @Override
  int awaited() {
    return -1;
  }
}
