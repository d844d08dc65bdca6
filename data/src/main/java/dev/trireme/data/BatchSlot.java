package dev.trireme.data;

import dev.trireme.api.data.Batch;
import dev.trireme.api.data.DataException;
import dev.trireme.api.data.DatasetInfo;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.Shape;
import dev.trireme.api.tensor.TensorBuffer;
import dev.trireme.data.BatchPlan.PlannedBatch;
import java.nio.ByteBuffer;
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
  private final ByteBuffer featureView;
  private final ByteBuffer labelView;
  private final Shape itemShape;
  private final int valuesPerItem;
  private Batch batch;

  /**
   * @param items for how many there is to be room, at least 1
   * @throws DataException when that is more than a batch can have or than the host has memory
   */
  BatchSlot(int items, DatasetInfo info) {
    this.itemShape = info.itemShape();
    this.valuesPerItem = (int) itemShape.elements();
    DType labelType = labelType(info);
    long featureBytes = alignUp((long) items * valuesPerItem * info.featureType().bytes());
    long labelBytes = (long) items * labelType.bytes();
    String what = "a batch of " + items + " items of " + itemShape + " on one rank";
    if (items > most(info)) {
      throw new DataException(
          what
              + " takes "
              + (featureBytes + labelBytes)
              + " bytes, expected less than 2 GiB; lower data.batchSize or data.evalBatchSize, or"
              + " use more ranks");
    }
    this.memory = Memory.allocate(featureBytes + labelBytes, ALIGNMENT, what + ":");
    this.features =
        TensorBuffer.cpu(memory.address(), info.featureType(), (long) items * valuesPerItem);
    this.labels = TensorBuffer.cpu(memory.address() + featureBytes, labelType, items);
    this.featureView = NativeMemory.view(features.address(), (int) features.byteCount());
    this.labelView = NativeMemory.view(labels.address(), (int) labels.byteCount());
  }

  /** The most items that there can be room for: views of memory are counted with an int. */
  static long most(DatasetInfo info) {
    long itemBytes = Math.max(1, info.itemShape().elements() * info.featureType().bytes());
    long features = (Integer.MAX_VALUE & -ALIGNMENT) / itemBytes;
    return Math.min(features, Integer.MAX_VALUE / labelType(info).bytes());
  }

  private static DType labelType(DatasetInfo info) {
    return info.classes() > 0 ? DType.INT64 : DType.FLOAT32;
  }

  /**
   * Fills it.
   *
   * @param stop asked before each item; filling ends early when it says so
   */
  void fill(PlannedBatch planned, ItemSet set, FeatureTable table, BooleanSupplier stop) {
    int size = planned.size();
    if (set instanceof PixelSet pixels) {
      fill(planned, pixels, table, stop);
    } else if (set instanceof IndexSet indices) {
      fill(planned, indices, stop);
    }
    boolean classes = labels.dtype() == DType.INT64;
    batch =
        new Batch(
            planned.from(),
            planned.after(),
            planned.globalSize(),
            size,
            features.slice(0, (long) size * valuesPerItem),
            itemShape.prepend(size),
            labels.slice(0, size),
            classes ? Shape.of(size) : Shape.of(size, 1));
  }

  private void fill(PlannedBatch planned, PixelSet set, FeatureTable table, BooleanSupplier stop) {
    FloatBuffer to = featureView.asFloatBuffer();
    LongBuffer labelsTo = labelView.asLongBuffer();
    byte[] pixels = new byte[valuesPerItem];
    float[] values = new float[valuesPerItem];
    for (int i = 0; i < planned.size() && !stop.getAsBoolean(); i++) {
      int label = set.read(planned.items()[planned.begin() + i], pixels);
      table.convert(pixels, values);
      to.put(i * valuesPerItem, values);
      labelsTo.put(i, label);
    }
  }

  private void fill(PlannedBatch planned, IndexSet set, BooleanSupplier stop) {
    LongBuffer to = featureView.asLongBuffer();
    FloatBuffer labelsTo = labelView.asFloatBuffer();
    long[] indices = new long[valuesPerItem];
    for (int i = 0; i < planned.size() && !stop.getAsBoolean(); i++) {
      float label = set.read(planned.items()[planned.begin() + i], indices);
      to.put(i * valuesPerItem, indices);
      labelsTo.put(i, label);
    }
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
