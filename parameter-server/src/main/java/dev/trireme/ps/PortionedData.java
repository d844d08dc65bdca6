package dev.trireme.ps;

import dev.trireme.api.data.Batch;
import dev.trireme.api.data.BatchStream;
import dev.trireme.api.data.Cursor;
import dev.trireme.api.data.DataSource;
import dev.trireme.api.data.DatasetInfo;
import dev.trireme.api.data.Share;
import dev.trireme.ps.shard.Portions;
import java.util.NoSuchElementException;
import java.util.Optional;

/**
 * A job's data for a worker that does not wait for the others: of each batch it reads the part that
 * the servers have dealt to it, see {@link Portions}. All parts together are the batch.
 *
 * <p>Threading: training streams on the thread of the exchange.
 */
public final class PortionedData implements DataSource {
  private final DataSource data;
  private final ServedExchange exchange;
  private final int batchSize;

  /**
   * @param data not closed by this
   * @param batchSize of a whole batch
   */
  public PortionedData(DataSource data, ServedExchange exchange, int batchSize) {
    this.data = data;
    this.exchange = exchange;
    this.batchSize = batchSize;
  }

  @Override
  public DatasetInfo training() {
    return data.training();
  }

  @Override
  public Optional<DatasetInfo> evaluation() {
    return data.evaluation();
  }

  /** The share is the exchange's to say. */
  @Override
  public BatchStream train(Cursor cursor, Share share) {
    return new Stream(cursor);
  }

  @Override
  public BatchStream evaluate(int rank, int worldSize) {
    return data.evaluate(rank, worldSize);
  }

  @Override
  public void close() {}

  private long stepAt(Cursor cursor) {
    long perEpoch = (training().items() + batchSize - 1) / batchSize;
    return cursor.epoch() * perEpoch + cursor.position() / batchSize + 1;
  }

  /** A stream of the data's own for each window. */
  private final class Stream implements BatchStream {
    private Cursor cursor;
    private long window = -1;
    private Optional<BatchStream> open = Optional.empty();

    Stream(Cursor cursor) {
      this.cursor = cursor;
    }

    @Override
    public boolean hasNext() {
      return true;
    }

    @Override
    public Batch next() {
      long step = stepAt(cursor);
      if (open.isEmpty() || Portions.windowOf(step) != window) {
        Share share = exchange.portion(step);
        close();
        open = Optional.of(data.train(cursor, share));
        window = Portions.windowOf(step);
      }
      Batch batch = open.orElseThrow(NoSuchElementException::new).next();
      cursor = batch.after();
      return batch;
    }

    @Override
    public void close() {
      open.ifPresent(BatchStream::close);
      open = Optional.empty();
    }
  }
}
