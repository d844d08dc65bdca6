package dev.trireme.ps.plan;

/**
 * A stretch of the slab: all parameters, one after the other in order of index, as float32. It may
 * hold several small parameters, or a part of a large one.
 *
 * @param index from 0
 * @param from its first element in the slab
 * @param count of its elements, at least 1
 */
public record Shard(int index, long from, long count) {
  public Shard {
    if (index < 0 || from < 0 || count < 1) {
      throw new IllegalArgumentException(
          "shard " + index + " of " + count + " elements from " + from);
    }
  }

  /** The element behind its last one. */
  public long end() {
    return from + count;
  }
}
