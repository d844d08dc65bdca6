package dev.trireme.engine;

import dev.trireme.api.data.Batch;
import dev.trireme.api.data.Cursor;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.Shape;
import java.nio.ByteBuffer;
import java.util.Random;

/** Items of random features in native memory, and batches of them. */
final class Items implements AutoCloseable {
  private final Shape itemShape;
  private final int count;
  private final int classes;
  private final int valuesPerItem;
  private final NativeMemory.Block features;
  private final NativeMemory.Block labels;

  /** Items with class labels. */
  static Items classes(int count, Shape itemShape, int classes, long seed) {
    return new Items(count, itemShape, classes, 1, seed);
  }

  /** Items with real-valued labels. */
  static Items values(int count, Shape itemShape, int valuesPerItem, long seed) {
    return new Items(count, itemShape, 0, valuesPerItem, seed);
  }

  private Items(int count, Shape itemShape, int classes, int valuesPerItem, long seed) {
    this.itemShape = itemShape;
    this.count = count;
    this.classes = classes;
    this.valuesPerItem = valuesPerItem;
    long values = count * itemShape.elements();
    features = NativeMemory.allocate(values * 4, 64);
    labels = NativeMemory.allocate((long) count * valuesPerItem * 8, 64);
    Random random = new Random(seed);
    ByteBuffer view = NativeMemory.view(features.address(), (int) (values * 4));
    while (view.hasRemaining()) {
      view.putFloat((float) random.nextGaussian());
    }
    ByteBuffer labelView = NativeMemory.view(labels.address(), (int) labels.bytes());
    for (int i = 0; i < count * valuesPerItem; i++) {
      if (classes > 0) {
        labelView.putLong(random.nextInt(classes));
      } else {
        labelView.putFloat((float) random.nextGaussian());
      }
    }
  }

  /** A batch of the items {@code [from, from + size)}. */
  Batch batch(int from, int size, int globalSize) {
    long itemBytes = itemShape.elements() * 4;
    DType labelType = classes > 0 ? DType.INT64 : DType.FLOAT32;
    long labelCount = (long) count * valuesPerItem;
    return new Batch(
        Cursor.START,
        new Cursor(0, globalSize),
        globalSize,
        size,
        features
            .buffer(DType.FLOAT32, features.bytes() / 4)
            .slice(from * itemBytes / 4, size * itemBytes / 4),
        itemShape.prepend(size),
        labels
            .buffer(labelType, labelCount)
            .slice((long) from * valuesPerItem, (long) size * valuesPerItem),
        classes > 0 ? Shape.of(size) : Shape.of(size, valuesPerItem));
  }

  /** All of them as one global batch. */
  Batch all() {
    return batch(0, count, count);
  }

  @Override
  public void close() {
    features.close();
    labels.close();
  }
}
