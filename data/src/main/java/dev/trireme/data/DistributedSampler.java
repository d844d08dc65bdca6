package dev.trireme.data;

import dev.trireme.api.data.Cursor;
import dev.trireme.api.data.DataException;
import dev.trireme.api.data.Share;

/**
 * Which items a step takes and which of them a rank reads; pure.
 *
 * <p>An epoch visits all items in an order that is a function of (seed, epoch) alone. The order is
 * cut into global batches of {@code batchSize} from the cursor on; the last of an epoch is short
 * when the items do not divide. Rank {@code r} of {@code W} reads the contiguous part {@code
 * [b*r/W, b*(r+1)/W)} of a global batch of {@code b}: the parts of all ranks, put together in order
 * of rank, are the global batch, whatever {@code W} is. So a job that shrinks or grows between two
 * steps neither misses nor repeats an item, and parts differ by at most one item.
 *
 * <p>Cost: an order is an array of 4 bytes an item and takes a few nanoseconds an item to make; a
 * batch and a part cost nothing.
 *
 * @param items in an epoch, at least 1
 * @param batchSize items in a global batch, at least 1; may be more than {@code items}
 * @param seed of the job
 */
public record DistributedSampler(int items, int batchSize, long seed) {
  public DistributedSampler {
    if (items < 1 || batchSize < 1) {
      throw new IllegalArgumentException(
          "expected at least one item and a batch of at least one, found "
              + items
              + " items in batches of "
              + batchSize);
    }
  }

  /**
   * A global batch.
   *
   * @param from where it begins
   * @param after where the next begins; position 0 of the next epoch after the last of an epoch
   * @param size items in it, at least 1
   */
  public record GlobalBatch(Cursor from, Cursor after, int size) {}

  /**
   * A rank's share of a number of items.
   *
   * @param begin the first, counted within the batch
   * @param end one past the last
   */
  public record Part(int begin, int end) {
    /** Items in it; may be 0. */
    public int size() {
      return end - begin;
    }
  }

  /**
   * The order of an epoch: a Fisher-Yates shuffle (Durstenfeld 1964) of {@code 0..items-1}, from
   * the last place down, with SplitMix64 seeded by (seed, epoch). It will stay what it is: jobs
   * that resume after an update of Trireme depend on it.
   *
   * @param epoch counted from 0
   */
  public int[] order(int epoch) {
    int[] order = new int[items];
    for (int i = 0; i < items; i++) {
      order[i] = i;
    }
    SplitMix64 random = new SplitMix64(seed, epoch);
    for (int i = items - 1; i > 0; i--) {
      int other = random.nextInt(i + 1);
      int item = order[i];
      order[i] = order[other];
      order[other] = item;
    }
    return order;
  }

  /**
   * The global batch that begins at {@code cursor}. A cursor at the very end of an epoch means the
   * beginning of the next.
   *
   * @throws DataException when the cursor is past the end of an epoch: it stems from another set
   */
  public GlobalBatch at(Cursor cursor) {
    if (cursor.position() > items) {
      throw new DataException(
          "cannot continue at item "
              + cursor.position()
              + " of epoch "
              + cursor.epoch()
              + ": the training set has only "
              + items
              + " items; was it replaced since the checkpoint was written?");
    }
    Cursor from = cursor.position() == items ? new Cursor(cursor.epoch() + 1, 0) : cursor;
    int size = (int) Math.min(batchSize, items - from.position());
    long end = from.position() + size;
    Cursor after = end == items ? new Cursor(from.epoch() + 1, 0) : new Cursor(from.epoch(), end);
    return new GlobalBatch(from, after, size);
  }

  /**
   * The part of {@code size} items that belongs to a rank.
   *
   * @param size items in the whole, at least 0
   * @param rank in {@code 0..worldSize-1}
   */
  public static Part part(int size, int rank, int worldSize) {
    Share share = Share.equal(rank, worldSize);
    return new Part(share.begin(size), share.end(size));
  }

  /** The most items that a share of any global batch can have; at least 1. */
  public int largestPart(Share share) {
    return share.largest(Math.min(batchSize, items));
  }
}
