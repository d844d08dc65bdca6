package dev.trireme.data;

/** Items that are a number of bytes each (grey values) and a class. */
non-sealed interface PixelSet extends ItemSet {
  /**
   * Copies one item.
   *
   * @param item in {@code 0..items-1}
   * @param pixels filled with the item's values, row-major; as long as an item has elements
   * @return the item's class
   */
  int read(int item, byte[] pixels);
}
