package dev.trireme.ps.shard;

import dev.trireme.api.tensor.TensorBuffer;
import dev.trireme.ps.plan.Shard;
import java.nio.ByteBuffer;
import java.util.List;

/**
 * The sum of several workers' gradients of one stretch of a table: the rows that any of them
 * touched, each the sum of theirs in order of worker.
 *
 * <p>Cost: a merge of ascending numbers, and one pass over the rows. Threading: one thread.
 */
final class RowSum {
  private final Packing packing;
  private final int width;
  private int[] rows = {};
  private float[] values = {};
  private float[] row = {};
  private int count;

  /**
   * A worker's gradient.
   *
   * @param bytes of the message
   */
  record Part(ByteBuffer message, long bytes) {
    static Part of(TensorBuffer message) {
      return new Part(Room.view(message), message.byteCount());
    }
  }

  RowSum(Shard shard, Packing packing) {
    this.packing = packing;
    this.width = shard.width();
  }

  /** Adds up; what was there before is forgotten. */
  void add(List<Part> parts) {
    int[][] numbers = new int[parts.size()][];
    int most = 0;
    for (int i = 0; i < numbers.length; i++) {
      numbers[i] = packing.rowsIn(parts.get(i).message(), parts.get(i).bytes());
      most += numbers[i].length;
    }
    if (rows.length < most) {
      rows = new int[most];
      values = new float[Math.multiplyExact(most, width)];
      row = new float[width];
    }
    count = 0;
    int[] next = new int[numbers.length];
    for (int least = least(numbers, next); least >= 0; least = least(numbers, next)) {
      boolean first = true;
      for (int i = 0; i < numbers.length; i++) {
        if (next[i] < numbers[i].length && numbers[i][next[i]] == least) {
          read(parts.get(i).message(), numbers[i].length, next[i]++, first);
          first = false;
        }
      }
      rows[count++] = least;
    }
  }

  private void read(ByteBuffer message, int of, int index, boolean first) {
    if (first) {
      packing.readRow(message, of, index, values, count * width);
      return;
    }
    packing.readRow(message, of, index, row, 0);
    for (int i = 0; i < width; i++) {
      values[count * width + i] += row[i];
    }
  }

  private static int least(int[][] numbers, int[] next) {
    int least = -1;
    for (int i = 0; i < numbers.length; i++) {
      if (next[i] < numbers[i].length && (least < 0 || numbers[i][next[i]] < least)) {
        least = numbers[i][next[i]];
      }
    }
    return least;
  }

  void scale(float factor) {
    for (int i = 0; i < count * width; i++) {
      values[i] *= factor;
    }
  }

  /** Ascending; {@link #count} of them. */
  int[] rows() {
    return rows;
  }

  int count() {
    return count;
  }

  /** One row after the other. */
  float[] values() {
    return values;
  }
}
