package dev.trireme.data;

import dev.trireme.api.data.DatasetInfo;

/**
 * What readers offer and batches are made from.
 *
 * <p>Threading: items may be read by several threads at once, each into an array of its own; {@link
 * #close} once nobody reads any more.
 */
sealed interface ItemSet extends AutoCloseable permits PixelSet, IndexSet {
  /** What it holds. */
  DatasetInfo info();

  @Override
  void close();
}
