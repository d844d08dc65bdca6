package dev.trireme.api.data;

import java.util.Optional;

/**
 * The data of one job, opened on one rank.
 *
 * <p>Threading: streams may be opened from any thread; each has its own reader.
 */
public interface DataSource extends AutoCloseable {
  /** The training set. */
  DatasetInfo training();

  /** The evaluation set, where the job has one. */
  Optional<DatasetInfo> evaluation();

  /**
   * An endless stream of one share of the global training batches, from {@code cursor} on, over
   * epoch after epoch. Every item of an epoch is in exactly one batch of exactly one of the shares
   * that make a whole.
   */
  BatchStream train(Cursor cursor, Share share);

  /**
   * The same with shares that differ from batch to batch. Where a rank has none of a batch it gets
   * an empty one.
   *
   * @throws UnsupportedOperationException where the source does not have that
   */
  default BatchStream train(Cursor cursor, Shares shares) {
    throw new UnsupportedOperationException(
        getClass().getName()
            + " gives the same share of every batch, which ssp and asp do not; implement"
            + " train(Cursor, Shares), or set parallel.parameterServer.consistency to bsp");
  }

  /**
   * The same with an equal share a rank.
   *
   * @param rank in {@code 0..worldSize-1}
   */
  default BatchStream train(Cursor cursor, int rank, int worldSize) {
    return train(cursor, Share.equal(rank, worldSize));
  }

  /**
   * This rank's part of the evaluation set, once, in order; every item goes to exactly one rank.
   * Ranks evaluate each by itself: a batch is its own global batch, and its cursors count the items
   * of the set in epoch 0. A rank may get no batch at all.
   *
   * @throws IllegalStateException when the job has no evaluation set
   */
  BatchStream evaluate(int rank, int worldSize);

  @Override
  void close();
}
