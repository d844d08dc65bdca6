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
 * the servers have dealt to it, see {@link Portions}, which is nothing in steps in which it rests.
 * All parts together are the batch. An evaluation set is dealt in the same proportions.
 *
 * <p>Threading: all streams on the thread of the exchange.
 */
public final class PortionedData implements DataSource {
  private final DataSource data;
  private final ServedExchange exchange;

  /**
   * @param data not closed by this
   */
  public PortionedData(DataSource data, ServedExchange exchange) {
    this.data = data;
    this.exchange = exchange;
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
    return new Training(cursor);
  }

  @Override
  public BatchStream evaluate(int rank, int worldSize) {
    int[] pieces = exchange.dealt().pieces(exchange.lastStep(), rank);
    return new Evaluation(pieces[0], pieces[1]);
  }

  @Override
  public void close() {}

  /**
   * A stream of the data's own for each window, wide enough for all of its steps, of whose batches
   * each step takes its part.
   */
  private final class Training implements BatchStream {
    private Cursor cursor;
    private long window = -1;
    private Share wide = Share.equal(0, 1);
    private Optional<BatchStream> open = Optional.empty();

    Training(Cursor cursor) {
      this.cursor = cursor;
    }

    @Override
    public boolean hasNext() {
      return true;
    }

    @Override
    public Batch next() {
      long step = exchange.stepAt(cursor);
      if (open.isEmpty() || Portions.windowOf(step) != window) {
        wide = exchange.dealt().widest(step);
        close();
        open = Optional.of(data.train(cursor, wide));
        window = Portions.windowOf(step);
      }
      Batch batch = open.orElseThrow(NoSuchElementException::new).next();
      cursor = batch.after();
      int[] part = exchange.dealt().part(step);
      if (part[0] == part[1]) {
        return batch.slice(0, 0);
      }
      Share mine = new Share(part[0], part[1] - part[0], part[2]);
      int from = wide.begin(batch.globalSize());
      return batch.slice(
          mine.begin(batch.globalSize()) - from, mine.end(batch.globalSize()) - from);
    }

    @Override
    public void close() {
      open.ifPresent(BatchStream::close);
      open = Optional.empty();
    }
  }

  /** Some pieces of the evaluation set, one after the other. */
  private final class Evaluation implements BatchStream {
    private final int end;
    private int piece;
    private Optional<BatchStream> open = Optional.empty();

    Evaluation(int begin, int end) {
      this.piece = begin;
      this.end = end;
    }

    @Override
    public boolean hasNext() {
      while (open.isEmpty() || !open.get().hasNext()) {
        if (piece == end) {
          return false;
        }
        close();
        open = Optional.of(data.evaluate(piece++, Dealt.PIECES));
      }
      return true;
    }

    @Override
    public Batch next() {
      if (!hasNext()) {
        throw new NoSuchElementException("all pieces have been handed out");
      }
      return open.orElseThrow().next();
    }

    @Override
    public void close() {
      open.ifPresent(BatchStream::close);
      open = Optional.empty();
    }
  }
}
