package dev.trireme.allreduce.group;

import dev.trireme.allreduce.kernel.Reduction;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.CollectiveException.Cause;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import java.util.Arrays;

/**
 * All-reduce of a few bytes in a formation that spans hosts: every rank sends its elements to every
 * other, keeps what it receives apart, and adds all up in order of rank once they are there. One
 * step; every rank sends and receives (W-1) S bytes. All ranks compute the same sum in the same
 * order, so they end with the same bits.
 */
final class DirectExchange extends Operation {
  private final SharedGroup group;
  private final TensorBuffer buffer;
  private final Reduction reduction;
  private final long[] sent;
  private final long[] received;

  DirectExchange(SharedGroup group, Signature signature, TensorBuffer buffer, Reduction reduction) {
    super(group.sequencer(), signature, buffer);
    this.group = group;
    this.buffer = buffer;
    this.reduction = reduction;
    this.sent = new long[group.worldSize()];
    this.received = new long[group.worldSize()];
  }

  @Override
  long place() {
    return 0;
  }

  @Override
  void begin() {
    NativeMemory.copy(buffer.address(), group.scratch(group.rank()), buffer.byteCount());
    sent[group.rank()] = buffer.byteCount();
    received[group.rank()] = buffer.byteCount();
  }

  @Override
  Outcome advance() {
    boolean moved = false;
    boolean waiting = false;
    for (int peer = 0; peer < sent.length; peer++) {
      long left = buffer.byteCount() - sent[peer];
      if (left > 0) {
        long from = group.scratch(group.rank()) + sent[peer];
        int taken = group.parcels().write(peer, 0, number(), sent[peer], from, left);
        sent[peer] += taken;
        moved |= taken > 0;
      }
      waiting |= sent[peer] < buffer.byteCount() || received[peer] < buffer.byteCount();
    }
    if (waiting) {
      return moved ? Outcome.MOVED : Outcome.WAITING;
    }
    long[] all = new long[sent.length];
    Arrays.setAll(all, group::scratch);
    NativeMemory.copy(all[0], buffer.address(), buffer.byteCount());
    reduction.reduceAll(buffer.address(), all, 0, 0, buffer.count());
    return Outcome.DONE;
  }

  @Override
  boolean take(int from, int phase, long offset, long address, int bytes) {
    if (sent[group.rank()] < buffer.byteCount()) {
      // Not begun.
      return false;
    }
    if (offset != received[from] || offset + bytes > buffer.byteCount()) {
      throw new CollectiveException(
          Cause.MISMATCH,
          from,
          "rank " + from + " sent " + bytes + " bytes from " + offset + " for " + this);
    }
    NativeMemory.copy(address, group.scratch(from) + offset, bytes);
    received[from] += bytes;
    return true;
  }

  /** Bytes of the peers that have arrived. */
  @Override
  long bytesDone() {
    long bytes = -buffer.byteCount();
    for (long each : received) {
      bytes += each;
    }
    return Math.max(0, bytes);
  }

  @Override
  String done() {
    return bytesDone() + " bytes received of " + (sent.length - 1) * buffer.byteCount();
  }

  @Override
  int awaited() {
    for (int peer = 0; peer < received.length; peer++) {
      if (received[peer] < buffer.byteCount()) {
        return peer;
      }
    }
    return -1;
  }
}
