package dev.trireme.data;

import dev.trireme.api.data.Batch;
import dev.trireme.api.data.DataException;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.Shape;
import dev.trireme.api.tensor.TensorBuffer;
import dev.trireme.data.BatchPlan.PlannedBatch;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;
import java.util.function.BooleanSupplier;

/**
 * Native memory for one batch, filled again and again.
 *
 * <p>Items are converted in an array that stays in the processor's nearest cache and copied to the
 * batch in one piece each: three to four times as fast as storing float by float.
 *
 * <p>Threading: one thread at a time; the queues between reader and consumer hand it over.
 */
final class BatchSlot implements AutoCloseable {
  private static final int ALIGNMENT = 64;

  private final NativeMemory.Block memory;
  private final TensorBuffer features;
  private final TensorBuffer labels;
  private final FloatBuffer featureView;
  private final LongBuffer labelView;
  private final Shape itemShape;
  private final byte[] pixels;
  private final float[] values;
  private Batch batch;

  /**
   * @param items for how many there is to be room, at least 1
   * @throws DataException when that is more than a batch can have or than the host has memory
   */
  BatchSlot(int items, Shape itemShape) {
    int valuesPerItem = (int) itemShape.elements();
    long featureBytes = alignUp((long) items * valuesPerItem * Float.BYTES);
    long labelBytes = (long) items * Long.BYTES;
    String what = "a batch of " + items + " items of " + itemShape + " on one rank";
    if (featureBytes > Integer.MAX_VALUE || labelBytes > Integer.MAX_VALUE) {
      throw new DataException(
          what
              + " takes "
              + (featureBytes + labelBytes)
              + " bytes, expected less than 2 GiB; lower data.batchSize or data.evalBatchSize, or"
              + " use more ranks");
    }
    this.memory = Memory.allocate(featureBytes + labelBytes, ALIGNMENT, what + ":");
    this.features = TensorBuffer.cpu(memory.address(), DType.FLOAT32, (long) items * valuesPerItem);
    this.labels = TensorBuffer.cpu(memory.address() + featureBytes, DType.INT64, items);
    this.featureView =
        NativeMemory.view(features.address(), (int) features.byteCount()).asFloatBuffer();
    this.labelView = NativeMemory.view(labels.address(), (int) labels.byteCount()).asLongBuffer();
    this.itemShape = itemShape;
    this.pixels = new byte[valuesPerItem];
    this.values = new float[valuesPerItem];
  }

  /**
   * Fills it.
   *
   * @param stop asked before each item; filling ends early when it says so
   */
  void fill(PlannedBatch planned, ItemSet set, FeatureTable table, BooleanSupplier stop) {
    int size = planned.size();
    for (int i = 0; i < size && !stop.getAsBoolean(); i++) {
      int label = set.read(planned.items()[planned.begin() + i], pixels);
      table.convert(pixels, values);
      featureView.put(i * values.length, values);
      labelView.put(i, label);
    }
    batch =
        new Batch(
            planned.from(),
            planned.after(),
            planned.globalSize(),
            size,
            features.slice(0, (long) size * values.length),
            itemShape.prepend(size),
            labels.slice(0, size),
            Shape.of(size));
  }

  /** What the last {@link #fill} made. */
  Batch batch() {
    return batch;
  }

  @Override
  public void close() {
    memory.close();
  }

  private static long alignUp(long bytes) {
    return (bytes + ALIGNMENT - 1) & -ALIGNMENT;
  }
}
