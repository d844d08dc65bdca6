package dev.trireme.allreduce;

import dev.trireme.allreduce.group.Buffers;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.collective.Work;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Device;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;

/**
 * The process group of one rank: every operation is done when it is started, and costs nothing.
 *
 * <p>Threading: as {@link ProcessGroup}. It has no thread.
 */
public final class LocalProcessGroup implements ProcessGroup {
  private static final int ALIGNMENT = 4096;
  private final long generation;
  private final List<NativeMemory.Block> blocks = new ArrayList<>();
  private final AtomicReference<String> unusable = new AtomicReference<>();

  /**
   * @param generation of the formation
   */
  public LocalProcessGroup(long generation) {
    this.generation = generation;
  }

  @Override
  public int rank() {
    return 0;
  }

  @Override
  public int worldSize() {
    return 1;
  }

  @Override
  public long generation() {
    return generation;
  }

  @Override
  public Work allReduce(TensorBuffer buffer, ReduceOp op) {
    return done();
  }

  @Override
  public Work broadcast(TensorBuffer buffer, int root) {
    requireRoot("broadcast from", root);
    return done();
  }

  @Override
  public Work reduceScatter(TensorBuffer input, TensorBuffer output, ReduceOp op) {
    return copied(input, output);
  }

  @Override
  public Work allGather(TensorBuffer input, TensorBuffer output) {
    return copied(input, output);
  }

  @Override
  public Work reduce(TensorBuffer buffer, ReduceOp op, int root) {
    requireRoot("reduce to", root);
    return done();
  }

  @Override
  public Work gather(TensorBuffer input, TensorBuffer output, int root) {
    requireRoot("gather to", root);
    return copied(input, output);
  }

  @Override
  public Work scatter(TensorBuffer input, TensorBuffer output, int root) {
    requireRoot("scatter from", root);
    return copied(input, output);
  }

  @Override
  public Work allToAll(TensorBuffer input, TensorBuffer output) {
    return copied(input, output);
  }

  @Override
  public Work send(TensorBuffer buffer, int to, int tag) {
    throw alone("send to", to);
  }

  @Override
  public Work receive(TensorBuffer buffer, int from, int tag) {
    throw alone("receive from", from);
  }

  private Work copied(TensorBuffer input, TensorBuffer output) {
    Buffers.requireSame(input, output);
    Work work = done();
    NativeMemory.copy(input.address(), output.address(), input.byteCount());
    return work;
  }

  private static void requireRoot(String what, int root) {
    if (root != 0) {
      throw new IllegalArgumentException(what + " rank " + root + ", expected 0");
    }
  }

  private static IllegalArgumentException alone(String what, int peer) {
    return new IllegalArgumentException(
        what + " rank " + peer + ", but the group has one rank, which has no peers");
  }

  @Override
  public Work barrier() {
    return done();
  }

  @Override
  public TensorBuffer allocate(DType dtype, long count) {
    done();
    NativeMemory.Block block =
        NativeMemory.allocate(Math.multiplyExact(count, (long) dtype.bytes()), ALIGNMENT);
    blocks.add(block);
    return block.buffer(dtype, count);
  }

  /** Any: what is alone moves nothing. Operations that copy need memory of the CPU all the same. */
  @Override
  public boolean reaches(Device device) {
    return true;
  }

  @Override
  public void abort(String why) {
    unusable.compareAndSet(null, "was aborted: " + why);
  }

  @Override
  public void close() {
    unusable.compareAndSet(null, "has been closed");
    blocks.forEach(NativeMemory.Block::close);
    blocks.clear();
  }

  private Work done() {
    requireUsable();
    return Work.completed();
  }

  @Override
  public void requireUsable() {
    String why = unusable.get();
    if (why != null) {
      throw new CollectiveException(
          CollectiveException.Cause.UNUSABLE,
          -1,
          "the process group of generation " + generation + " " + why);
    }
  }
}
