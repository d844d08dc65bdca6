package dev.trireme.data;

import dev.trireme.api.data.Cursor;
import dev.trireme.api.data.DatasetInfo;
import dev.trireme.api.data.Share;
import dev.trireme.api.data.Shares;
import dev.trireme.data.DistributedSampler.GlobalBatch;
import dev.trireme.data.DistributedSampler.Part;
import java.util.Optional;

/**
 * Which items a stream's batches hold, one batch after the other.
 *
 * <p>Threading: one thread, the stream's reader.
 */
interface BatchPlan {
  /**
   * The next batch; empty at the end of a plan that has one. Blocks until it is known.
   *
   * @throws InterruptedException when the reader is interrupted meanwhile
   */
  Optional<PlannedBatch> next() throws InterruptedException;

  /** The number of batches in all, {@link Long#MAX_VALUE} when there is no end. */
  long batches();

  /** The most items a batch can hold; at least 1. */
  int largestBatch();

  /**
   * A batch before it has been read.
   *
   * @param from where the global batch begins
   * @param after where the next one begins
   * @param globalSize items in the global batch
   * @param items an array in which the items' numbers stand
   * @param begin where in it this rank's part begins
   * @param end one past where it ends
   */
  record PlannedBatch(Cursor from, Cursor after, int globalSize, int[] items, int begin, int end) {
    int size() {
      return end - begin;
    }
  }

  /** A rank's parts of the global batches from a cursor on, without end. */
  final class Training implements BatchPlan {
    private static final int[] NONE = {};

    private final DistributedSampler sampler;
    private final Shares shares;
    private final int largest;
    private GlobalBatch batch;
    private int orderedEpoch = -1;
    private int[] order = NONE;

    Training(DistributedSampler sampler, Cursor start, Share share) {
      this(sampler, start, Shares.always(share), sampler.largestPart(share));
    }

    /**
     * @param largest items that any of the shares can have
     */
    Training(DistributedSampler sampler, Cursor start, Shares shares, int largest) {
      this.sampler = sampler;
      this.shares = shares;
      this.largest = largest;
      this.batch = sampler.at(start);
    }

    @Override
    public Optional<PlannedBatch> next() throws InterruptedException {
      GlobalBatch now = batch;
      Optional<Share> share = shares.of(now.from());
      batch = sampler.at(now.after());
      if (now.from().epoch() != orderedEpoch) {
        orderedEpoch = now.from().epoch();
        order = NONE; // of large sets there is no room for two
        order = sampler.order(orderedEpoch);
      }
      int position = (int) now.from().position();
      return Optional.of(
          new PlannedBatch(
              now.from(),
              now.after(),
              now.size(),
              order,
              position + share.map(s -> s.begin(now.size())).orElse(0),
              position + share.map(s -> s.end(now.size())).orElse(0)));
    }

    @Override
    public long batches() {
      return Long.MAX_VALUE;
    }

    @Override
    public int largestBatch() {
      return largest;
    }
  }

  /** A rank's contiguous part of a set, once and in order. */
  final class Evaluation implements BatchPlan {
    private final int batchSize;
    private final Part part;
    private int position;

    Evaluation(DatasetInfo info, int batchSize, int rank, int worldSize) {
      this.part = DistributedSampler.part((int) info.items(), rank, worldSize);
      this.batchSize = batchSize;
      this.position = part.begin();
    }

    @Override
    public Optional<PlannedBatch> next() {
      if (position == part.end()) {
        return Optional.empty();
      }
      int begin = position;
      position = (int) Math.min((long) begin + batchSize, part.end());
      int[] items = new int[position - begin];
      for (int i = 0; i < items.length; i++) {
        items[i] = begin + i;
      }
      return Optional.of(
          new PlannedBatch(
              new Cursor(0, begin), new Cursor(0, position), items.length, items, 0, items.length));
    }

    @Override
    public long batches() {
      return ((long) part.size() + batchSize - 1) / batchSize;
    }

    @Override
    public int largestBatch() {
      return Math.max(1, Math.min(batchSize, part.size()));
    }
  }
}
