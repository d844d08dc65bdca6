package dev.trireme.data;

/** Items that are a number of indices each and a real value. */
non-sealed interface IndexSet extends ItemSet {
  /**
   * Copies one item.
   *
   * @param item in {@code 0..items-1}
   * @param indices filled with the item's indices; as long as an item has elements
   * @return the item's label
   */
  float read(int item, long[] indices);
}
