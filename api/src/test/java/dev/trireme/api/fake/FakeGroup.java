package dev.trireme.api.fake;

import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.collective.Work;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import java.util.ArrayList;
import java.util.List;

/** A group of one rank: every operation is over at once. */
public final class FakeGroup implements ProcessGroup {
  private final Diary diary;
  private final List<NativeMemory.Block> blocks = new ArrayList<>();

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

  private Work done(String what) {
    diary.write(what);
    return new Work() {
      @Override
      public boolean isDone() {
        return true;
      }

      @Override
      public void await() {}
    };
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
  }

  @Override
  public void close() {
    blocks.forEach(NativeMemory.Block::close);
    blocks.clear();
  }
}
