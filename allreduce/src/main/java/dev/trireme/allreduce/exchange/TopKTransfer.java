package dev.trireme.allreduce.exchange;

import dev.trireme.allreduce.kernel.Reduction;
import dev.trireme.allreduce.kernel.Reductions;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.collective.Work;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import dev.trireme.api.train.WireBytes;
import org.agrona.UnsafeApi;

/**
 * Each rank sends only its k elements of largest magnitude, with their places. What it does not
 * send stays with it and is added to its next gradient (error feedback), so that nothing is lost,
 * only late. A parameter whose optimizer state follows single steps (Adam) sees rarer and larger
 * gradients than without.
 *
 * <p>Every rank gives all others its k places and k values, in one all-gather of INT32, and adds up
 * all ranks' in order of rank, so all end with the same bits. Cost for n elements on W ranks: as a
 * rule one pass over n to select, see {@link LargestMagnitudes}, one to clear the sum, and 8 k (W -
 * 1) bytes sent by each rank in place of 8 n (W - 1) / W, so that it pays where k W is well below
 * n.
 *
 * <p>Source: Stich, Cordonnier, Jaggi, "Sparsified SGD with memory", NeurIPS 2018.
 */
final class TopKTransfer implements BucketTransfer {
  private final ProcessGroup group;
  private final Reduction adder = new Reductions().of(DType.FLOAT32, ReduceOp.SUM);
  private final LargestMagnitudes largest;
  private final int k;
  private final TensorBuffer own;
  private final TensorBuffer all;
  private final NativeMemory.Block reducedBlock;
  private final NativeMemory.Block pendingBlock;
  private final TensorBuffer reduced;

  /** What has not been sent yet, this step's gradients included once they are taken. */
  private final TensorBuffer pending;

  TopKTransfer(ProcessGroup group, BucketLayout.Bucket bucket, double ratio) {
    this.group = group;
    this.k = Math.toIntExact(Math.max(1, (long) Math.ceil(ratio * bucket.count())));
    // The group's first: it may fail, and this rank's own would be left behind.
    this.own = group.allocate(DType.INT32, 2L * k);
    this.all = group.allocate(DType.INT32, 2L * k * group.worldSize());
    this.largest = new LargestMagnitudes(bucket.count(), k);
    this.reducedBlock = NativeMemory.allocate(bucket.count() * Float.BYTES, 64);
    this.pendingBlock = NativeMemory.allocate(bucket.count() * Float.BYTES, 64);
    this.reduced = reducedBlock.buffer(DType.FLOAT32, bucket.count());
    this.pending = pendingBlock.buffer(DType.FLOAT32, bucket.count());
  }

  @Override
  public TensorBuffer reduced() {
    return reduced;
  }

  @Override
  public void take(long from, TensorBuffer gradient) {
    adder.combine(pending.address() + from * Float.BYTES, gradient.address(), gradient.count());
  }

  @Override
  public Work start(long step) {
    largest.move(pending, own.address(), own.address() + 4L * k);
    return group.allGather(own, all);
  }

  @Override
  public void finish() {
    NativeMemory.fill(reduced.address(), reduced.byteCount(), (byte) 0);
    for (int rank = 0; rank < group.worldSize(); rank++) {
      for (long at = places(rank); at < places(rank) + 4L * k; at += 4) {
        int place = UnsafeApi.getInt(at);
        if (place < 0 || place >= reduced.count()) {
          throw new IllegalStateException(
              "rank "
                  + rank
                  + " sent an element at "
                  + place
                  + " of a bucket of "
                  + reduced.count()
                  + "; ranks must run the same version");
        }
        long to = reduced.address() + 4L * place;
        UnsafeApi.putFloat(to, UnsafeApi.getFloat(to) + UnsafeApi.getFloat(at + 4L * k));
      }
    }
  }

  @Override
  public long sentBytes() {
    return WireBytes.ofAllGather(own.byteCount(), group.worldSize());
  }

  @Override
  public void close() {
    largest.close();
    reducedBlock.close();
    pendingBlock.close();
  }

  private long places(int rank) {
    return all.address() + 8L * k * rank;
  }
}
