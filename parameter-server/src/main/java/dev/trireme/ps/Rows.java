package dev.trireme.ps;

import dev.trireme.api.data.Batch;
import dev.trireme.api.tensor.TensorBuffer;
import dev.trireme.ps.plan.Shard;
import dev.trireme.ps.shard.Room;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * Some rows of the tables of a model: the indices that a batch's features name, each once.
 *
 * @param numbers ascending
 */
record Rows(int[] numbers) {
  static final Rows NONE = new Rows(new int[0]);

  /**
   * What a batch names. Cost: a sort of its features.
   *
   * @throws IllegalArgumentException for an index below 0 or above 2^31
   */
  static Rows of(Batch batch) {
    TensorBuffer features = batch.features();
    int count = Math.toIntExact(features.count());
    ByteBuffer bytes = Room.view(features);
    int[] all = new int[count];
    for (int i = 0; i < count; i++) {
      all[i] =
          switch (features.dtype()) {
            case INT64 -> Math.toIntExact(bytes.getLong(8 * i));
            case INT32 -> bytes.getInt(4 * i);
            case FLOAT32 -> (int) bytes.getFloat(4 * i);
            default ->
                throw new IllegalArgumentException(
                    "expected features that are indices, found " + features.dtype());
          };
      if (all[i] < 0) {
        throw new IllegalArgumentException("expected an index of 0 or more, found " + all[i]);
      }
    }
    return new Rows(Arrays.stream(all).sorted().distinct().toArray());
  }

  /** These and those. */
  Rows and(Rows others) {
    if (others.numbers.length == 0) {
      return this;
    }
    return new Rows(
        IntStream.concat(Arrays.stream(numbers), Arrays.stream(others.numbers))
            .sorted()
            .distinct()
            .toArray());
  }

  boolean contains(int row) {
    return Arrays.binarySearch(numbers, row) >= 0;
  }

  boolean containsAll(Rows others) {
    return Arrays.stream(others.numbers).allMatch(this::contains);
  }

  /** Those that a shard holds, counted within it. */
  int[] within(Shard shard) {
    int begin = place(shard.firstRow());
    int end = place(shard.firstRow() + shard.rows());
    int[] within = new int[end - begin];
    for (int i = 0; i < within.length; i++) {
      within[i] = numbers[begin + i] - shard.firstRow();
    }
    return within;
  }

  private int place(int row) {
    int found = Arrays.binarySearch(numbers, row);
    return found < 0 ? -found - 1 : found;
  }
}
