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
  /** Into how many equal pieces an evaluation set is cut before it is dealt. */
  public static final int EVALUATION_PIECES = Dealt.PIECES;

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

  /** Asks for what is dealt as it comes to it; the data's own stream reads no more than that. */
  private final class Training implements BatchStream {
    private final BatchStream stream;
    private Cursor cursor;

    Training(Cursor cursor) {
      this.cursor = cursor;
      this.stream = data.train(cursor, from -> exchange.dealt().awaitShare(exchange.stepAt(from)));
    }

    @Override
    public boolean hasNext() {
      return true;
    }

    @Override
    public Batch next() {
      exchange.dealt().comesTo(exchange.stepAt(cursor));
      Batch batch = stream.next();
      cursor = batch.after();
      return batch;
    }

    @Override
    public void close() {
      stream.close();
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
        open = Optional.of(data.evaluate(piece++, EVALUATION_PIECES));
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
