package dev.trireme.ps.plan;

/**
 * A stretch of the slab: all parameters, one after the other, as float32. It may hold several small
 * parameters, or a part of a large one; or whole rows of one table, see {@link ShardPlan.Size}.
 *
 * @param index from 0
 * @param from its first element in the slab
 * @param count of its elements, at least 1
 * @param width elements of a row, where it is a stretch of a table; else 0
 * @param firstRow the table's row that it begins with; else 0
 */
public record Shard(int index, long from, long count, int width, int firstRow) {
  public Shard {
    if (index < 0 || from < 0 || count < 1 || width < 0 || width > 0 && count % width != 0) {
      throw new IllegalArgumentException(
          "shard " + index + " of " + count + " elements from " + from + ", rows of " + width);
    }
  }

  /** Of no table. */
  public Shard(int index, long from, long count) {
    this(index, from, count, 0, 0);
  }

  /** The element behind its last one. */
  public long end() {
    return from + count;
  }

  /** Whether it is a stretch of a table, of which rows travel alone. */
  public boolean isTable() {
    return width > 0;
  }

  /** Rows that it holds; 0 where it is no stretch of a table. */
  public int rows() {
    return width == 0 ? 0 : Math.toIntExact(count / width);
  }
}
