package dev.trireme.api.fake;

import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.collective.Work;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** A group of one rank: every operation is over at once. */
public final class FakeGroup implements ProcessGroup {
  private final Diary diary;
  private final List<NativeMemory.Block> blocks = new ArrayList<>();
  private Optional<String> aborted = Optional.empty();

  public FakeGroup(Diary diary) {
    this.diary = diary;
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
    return 1;
  }

  @Override
  public Work allReduce(TensorBuffer buffer, ReduceOp op) {
    return done("allReduce");
  }

  @Override
  public Work broadcast(TensorBuffer buffer, int root) {
    return done("broadcast");
  }

  @Override
  public Work barrier() {
    return done("barrier");
  }

  @Override
  public Work reduceScatter(TensorBuffer input, TensorBuffer output, ReduceOp op) {
    return copied("reduceScatter", input, output);
  }

  @Override
  public Work allGather(TensorBuffer input, TensorBuffer output) {
    return copied("allGather", input, output);
  }

  @Override
  public Work reduce(TensorBuffer buffer, ReduceOp op, int root) {
    return done("reduce");
  }

  @Override
  public Work gather(TensorBuffer input, TensorBuffer output, int root) {
    return copied("gather", input, output);
  }

  @Override
  public Work scatter(TensorBuffer input, TensorBuffer output, int root) {
    return copied("scatter", input, output);
  }

  @Override
  public Work allToAll(TensorBuffer input, TensorBuffer output) {
    return copied("allToAll", input, output);
  }

  /** There is nobody to send to. */
  @Override
  public Work send(TensorBuffer buffer, int to, int tag) {
    throw new IllegalArgumentException("send to rank " + to + " in a group of one rank");
  }

  @Override
  public Work receive(TensorBuffer buffer, int from, int tag) {
    throw new IllegalArgumentException("receive from rank " + from + " in a group of one rank");
  }

  private Work copied(String what, TensorBuffer input, TensorBuffer output) {
    NativeMemory.copy(input.address(), output.address(), input.byteCount());
    return done(what);
  }

  private Work done(String what) {
    diary.write(what);
    return Work.completed();
  }

  @Override
  public TensorBuffer allocate(DType dtype, long count) {
    NativeMemory.Block block = NativeMemory.allocate(count * dtype.bytes(), 64);
    blocks.add(block);
    return TensorBuffer.cpu(block.address(), dtype, count);
  }

  @Override
  public void abort(String why) {
    diary.write("abort " + why);
    aborted = Optional.of(why);
  }

  @Override
  public void requireUsable() {
    aborted.ifPresent(
        why -> {
          throw new CollectiveException(CollectiveException.Cause.UNUSABLE, -1, why);
        });
  }

  @Override
  public void close() {
    blocks.forEach(NativeMemory.Block::close);
    blocks.clear();
  }
}
