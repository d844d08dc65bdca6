package dev.trireme.api.data;

import dev.trireme.api.tensor.Shape;
import dev.trireme.api.tensor.TensorBuffer;

/**
 * One rank's part of a global batch. The memory belongs to the stream that handed it out and is
 * valid until the stream's next {@code next()} or {@code close()}.
 *
 * @param from where the global batch begins
 * @param after where the next global batch begins; in the next epoch when this one is the last
 * @param globalSize items in the global batch over all ranks, at least 1
 * @param size items in this rank's part, at least 0: a short last batch may leave a rank none
 * @param features {@code size} items, row-major
 * @param featureShape {@code size x itemShape}
 * @param labels int64 class indices, or float32 values when the data set has no classes
 * @param labelShape {@code size} for classes, else {@code size x valuesPerItem}
 */
public record Batch(
    Cursor from,
    Cursor after,
    int globalSize,
    int size,
    TensorBuffer features,
    Shape featureShape,
    TensorBuffer labels,
    Shape labelShape) {
  /** Whether this is the last global batch of its epoch. */
  public boolean lastOfEpoch() {
    return after.epoch() != from.epoch();
  }

  /**
   * Some of its items, in the same memory.
   *
   * @param begin the first, from 0
   * @param end one past the last
   */
  public Batch slice(int begin, int end) {
    int count = end - begin;
    return new Batch(
        from,
        after,
        globalSize,
        count,
        slice(features, begin, count),
        resized(featureShape, count),
        slice(labels, begin, count),
        resized(labelShape, count));
  }

  private TensorBuffer slice(TensorBuffer all, int begin, int count) {
    long each = size == 0 ? 0 : all.count() / size;
    return all.slice(begin * each, count * each);
  }

  private static Shape resized(Shape shape, int items) {
    long[] sizes = shape.toArray();
    sizes[0] = items;
    return Shape.of(sizes);
  }
}
