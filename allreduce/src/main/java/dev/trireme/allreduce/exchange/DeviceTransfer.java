package dev.trireme.allreduce.exchange;

import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.collective.Work;
import dev.trireme.api.tensor.Device;
import dev.trireme.api.tensor.DeviceMemory;
import dev.trireme.api.tensor.TensorBuffer;
import dev.trireme.api.train.WireBytes;

/**
 * Gradients of a device, as they are. Each is copied once on the device, in the order of its
 * compute stream, from backward's hook into the bucket that the optimizer reads.
 *
 * <p>Where the group reaches the device, the bucket is reduced in place, behind those copies and
 * beside what backward computes next. Where it does not, the bucket goes to a buffer of the host
 * when it is full, which waits for all that backward has been asked for so far, and comes back when
 * it is reduced: a way for a device without NCCL, not one to be fast on.
 *
 * <p>Threading: {@link #take} and {@link #start} also from the thread that runs the device's
 * backward, one at a time.
 */
final class DeviceTransfer implements BucketTransfer {
  private final ProcessGroup group;
  private final DeviceMemory memory;
  private final TensorBuffer bucket;

  /** The bucket itself where the group reaches it. */
  private final TensorBuffer travels;

  private final AutoCloseable owned;

  DeviceTransfer(
      ProcessGroup group, DeviceMemory memory, Device device, BucketLayout.Bucket bucket) {
    this.group = group;
    this.memory = memory;
    if (group.reaches(device) && group.worldSize() > 1) {
      // The group's, which frees it only when nothing can write to it any more.
      this.bucket = group.allocate(device, bucket.dtype(), bucket.count());
      this.travels = this.bucket;
      this.owned = () -> {};
    } else if (group.reaches(device)) {
      DeviceMemory.Piece piece = memory.allocate(device, bucket.dtype(), bucket.count());
      this.bucket = piece.buffer();
      this.travels = this.bucket;
      this.owned = piece;
    } else {
      this.travels = group.allocate(bucket.dtype(), bucket.count());
      DeviceMemory.Piece piece = memory.allocate(device, bucket.dtype(), bucket.count());
      this.bucket = piece.buffer();
      this.owned = piece;
    }
  }

  @Override
  public TensorBuffer reduced() {
    return bucket;
  }

  @Override
  public void take(long from, TensorBuffer gradient) {
    TensorBuffer slot = bucket.slice(from, gradient.count());
    if (gradient.device().equals(Device.CPU)) {
      // The sum of several parts, made on the host in memory that is soon used again.
      memory.copy(gradient, slot);
    } else {
      memory.enqueueCopy(gradient, slot);
    }
  }

  @Override
  public Work start(long step) {
    if (travels != bucket) {
      memory.copy(bucket, travels);
    }
    return group.allReduce(travels, ReduceOp.SUM);
  }

  @Override
  public void finish() {
    if (travels != bucket) {
      memory.copy(travels, bucket);
    }
  }

  @Override
  public long sentBytes() {
    return WireBytes.ofAllReduce(bucket.byteCount(), group.worldSize());
  }

  @Override
  public void close() {
    try {
      owned.close();
    } catch (RuntimeException e) {
      throw e;
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }
}
