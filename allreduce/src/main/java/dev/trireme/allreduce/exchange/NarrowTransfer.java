package dev.trireme.allreduce.exchange;

import dev.trireme.allreduce.kernel.HalfFloats;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.collective.Work;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import dev.trireme.api.train.WireBytes;

/**
 * Gradients as 16 bits on the wire. Each rank rounds its own once, straight into memory that the
 * peers read; they are added in float32, the sum is rounded by whoever computes it (once within a
 * host, between hosts with every addition), and all ranks, that one included, go on with the
 * rounded sum. Cost for n elements: 2 n bytes reduced in place of 4 n, and two conversions.
 *
 * <p>A gradient or a sum beyond 65504 becomes infinite in FLOAT16 and so reaches the optimizer;
 * what is below 3e-8 vanishes. Nothing is scaled: gradients are already over the global batch, so
 * their sum is a mean and no larger than its parts. BFLOAT16 has the range of float32.
 */
final class NarrowTransfer implements BucketTransfer {
  private final ProcessGroup group;
  private final HalfFloats halves;
  private final TensorBuffer wire;
  private final NativeMemory.Block block;
  private final TensorBuffer reduced;

  NarrowTransfer(ProcessGroup group, BucketLayout.Bucket bucket, DType dtype) {
    this.group = group;
    this.halves = new HalfFloats(dtype);
    this.wire = group.allocate(dtype, bucket.count());
    this.block = NativeMemory.allocate(bucket.count() * Float.BYTES, 64);
    this.reduced = block.buffer(DType.FLOAT32, bucket.count());
  }

  @Override
  public TensorBuffer reduced() {
    return reduced;
  }

  @Override
  public void take(long from, TensorBuffer gradient) {
    halves.narrow(
        gradient.address(), wire.address() + from * wire.dtype().bytes(), gradient.count());
  }

  @Override
  public Work start(long step) {
    return group.allReduce(wire, ReduceOp.SUM);
  }

  @Override
  public void finish() {
    halves.widen(wire.address(), reduced.address(), wire.count());
  }

  @Override
  public long sentBytes() {
    return WireBytes.ofAllReduce(wire.byteCount(), group.worldSize());
  }

  @Override
  public void close() {
    block.close();
  }
}
