package dev.trireme.data;

import dev.trireme.api.data.DatasetInfo;

/**
 * Items that are a number of bytes each (grey values) and a class: what readers offer and batches
 * are made from.
 *
 * <p>Threading: {@link #read} may be called by several threads at once, each with an array of its
 * own; {@link #close} once nobody reads any more.
 */
interface ItemSet extends AutoCloseable {
  /** What it holds. */
  DatasetInfo info();

  /**
   * Copies one item.
   *
   * @param item in {@code 0..items-1}
   * @param pixels filled with the item's values, row-major; as long as an item has elements
   * @return the item's class
   */
  int read(int item, byte[] pixels);

  @Override
  void close();
}
