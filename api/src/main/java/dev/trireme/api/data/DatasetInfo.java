package dev.trireme.api.data;

import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Shape;

/**
 * What a data set holds, known before any item is read.
 *
 * @param items in one epoch, at least 1
 * @param itemShape of one item's features, without the batch dimension
 * @param featureType of the features as the model gets them
 * @param classes number of classes when labels are class indices in {@code 0..classes-1}; 0 when
 *     labels are real values
 * @param indices where features are indices, all are in {@code 0..indices-1}; else 0
 */
public record DatasetInfo(
    long items, Shape itemShape, DType featureType, int classes, long indices) {
  /** Of features that are no indices, or of which it is not known how many there are. */
  public DatasetInfo(long items, Shape itemShape, DType featureType, int classes) {
    this(items, itemShape, featureType, classes, 0);
  }

  public DatasetInfo {
    if (items < 1) {
      throw new IllegalArgumentException(
          "a data set needs at least one item, this one has " + items);
    }
    if (classes < 0) {
      throw new IllegalArgumentException("classes is " + classes + ", expected 0 or more");
    }
  }
}
