package dev.trireme.api.fake;

import dev.trireme.api.data.Batch;
import dev.trireme.api.data.BatchStream;
import dev.trireme.api.data.Cursor;
import dev.trireme.api.data.DataSource;
import dev.trireme.api.data.DatasetInfo;
import dev.trireme.api.data.Share;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.Shape;
import dev.trireme.api.tensor.TensorBuffer;
import java.util.NoSuchElementException;
import java.util.Optional;

/** Items of one zero each, for one rank; as many for evaluation as for training. */
public final class FakeData implements DataSource {
  private final NativeMemory.Block memory = NativeMemory.allocate(4096, 64);
  private final DatasetInfo info;
  private final int batchSize;
  private final boolean evaluates;

  public FakeData(int items, int batchSize, boolean evaluates) {
    this.info = new DatasetInfo(items, Shape.of(1), DType.FLOAT32, 2);
    this.batchSize = batchSize;
    this.evaluates = evaluates;
  }

  @Override
  public DatasetInfo training() {
    return info;
  }

  @Override
  public Optional<DatasetInfo> evaluation() {
    return evaluates ? Optional.of(info) : Optional.empty();
  }

  @Override
  public BatchStream train(Cursor cursor, Share share) {
    return new Stream(cursor, Integer.MAX_VALUE);
  }

  @Override
  public BatchStream evaluate(int rank, int worldSize) {
    return new Stream(Cursor.START, 1);
  }

  @Override
  public void close() {
    memory.close();
  }

  private final class Stream implements BatchStream {
    private final int epochs;
    private Cursor next;

    Stream(Cursor from, int epochs) {
      this.next = from;
      this.epochs = epochs;
    }

    @Override
    public boolean hasNext() {
      return next.epoch() < epochs;
    }

    @Override
    public Batch next() {
      if (!hasNext()) {
        throw new NoSuchElementException();
      }
      int size = (int) Math.min(batchSize, info.items() - next.position());
      long end = next.position() + size;
      Cursor after =
          end == info.items() ? new Cursor(next.epoch() + 1, 0) : new Cursor(next.epoch(), end);
      Batch batch =
          new Batch(
              next,
              after,
              size,
              size,
              TensorBuffer.cpu(memory.address(), DType.FLOAT32, size),
              Shape.of(size, 1),
              TensorBuffer.cpu(memory.address(), DType.INT64, size),
              Shape.of(size));
      next = after;
      return batch;
    }

    @Override
    public void close() {}
  }
}
