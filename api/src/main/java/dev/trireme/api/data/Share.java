package dev.trireme.api.data;

/**
 * Which part of every global batch a rank gets: of a batch of {@code b} items cut into {@code of}
 * pieces {@code [b*i/of, b*(i+1)/of)}, the pieces {@code [first, first + count)}. Pieces differ by
 * at most one item and may be empty where a batch is short.
 *
 * @param first piece, from 0
 * @param count of pieces, at least 1
 * @param of how many in all
 */
public record Share(int first, int count, int of) {
  public Share {
    if (first < 0 || count < 1 || of < 1 || first > of - count) {
      throw new IllegalArgumentException(
          "no share: pieces " + first + " to " + (first + count - 1) + " of " + of);
    }
  }

  /**
   * An equal part a rank.
   *
   * @param rank in {@code 0..worldSize-1}
   */
  public static Share equal(int rank, int worldSize) {
    if (worldSize < 1 || rank < 0 || rank >= worldSize) {
      throw new IllegalArgumentException(
          "expected a rank in 0.." + (worldSize - 1) + ", found " + rank);
    }
    return new Share(rank, 1, worldSize);
  }

  /** Where piece {@code index}, from 0 to {@code of}, of a batch of {@code size} begins. */
  public int begin(int size, int index) {
    return (int) ((long) size * index / of);
  }

  /** Where this share of a batch of {@code size} begins. */
  public int begin(int size) {
    return begin(size, first);
  }

  /** One past where it ends. */
  public int end(int size) {
    return begin(size, first + count);
  }

  /** The most items it has of any batch of at most {@code size} items. */
  public int largest(int size) {
    return (int) (((long) size * count + of - 1) / of);
  }
}
