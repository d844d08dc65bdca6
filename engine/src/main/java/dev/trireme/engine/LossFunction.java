package dev.trireme.engine;

import dev.trireme.api.data.Batch;
import dev.trireme.api.data.DatasetInfo;
import dev.trireme.api.engine.EngineException;
import dev.trireme.api.engine.Loss;
import dev.trireme.api.job.LossKind;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Device;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.Shape;
import dev.trireme.api.tensor.TensorBuffer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Locale;
import java.util.Optional;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * How wrong a batch's outputs are, as a sum over its items, so that parts of a batch add up. An
 * item's loss is its cross-entropy, or the mean over the item's values of the squared, absolute or
 * binary cross-entropy error.
 */
final class LossFunction {
  /** {@code at::Reduction::Sum}. */
  private static final long SUM = 2;

  private static final long IGNORE_NONE = -100;

  private final LossKind kind;
  private final int classes;

  /**
   * @throws EngineException when the loss cannot be computed with such labels
   */
  LossFunction(LossKind kind, DatasetInfo data) {
    this.kind = kind;
    this.classes = data.classes();
    boolean wantsClasses = kind == LossKind.CROSS_ENTROPY;
    boolean twoClasses = kind == LossKind.BCE_WITH_LOGITS && classes == 2;
    if (wantsClasses && classes == 0) {
      throw new EngineException(
          "loss cross-entropy: expected labels that are classes, found real values; use mse, l1 or"
              + " bce-with-logits");
    }
    if (!wantsClasses && classes > 0 && !twoClasses) {
      throw new EngineException(
          "loss "
              + name()
              + ": expected labels that are real values, found "
              + classes
              + " classes; use cross-entropy");
    }
  }

  /**
   * A loss before it is divided by anything.
   *
   * @param sum over all values of all items; a scalar that backward starts from
   * @param valuesPerItem by which it must be divided
   * @param correct items whose class was predicted rightly
   */
  record Computed(Tensor sum, long valuesPerItem, Correct correct) {
    /** What was found over {@code items}; waits for the device, once. */
    Loss loss(long items) {
      if (correct.there().isEmpty()) {
        return new Loss(sum.item_double() / valuesPerItem, correct.here(), items);
      }
      try (Tensor detached = sum.detach();
          TensorVector both =
              new TensorVector(
                  detached.to(ScalarType.Double), correct.there().get().to(ScalarType.Double))) {
        Tensor values = Tensors.moved(torch.stack(both), Device.CPU);
        return new Loss(
            values.select(0, 0).item_double() / valuesPerItem,
            Math.round(values.select(0, 1).item_double()),
            items);
      }
    }
  }

  /**
   * Items whose class was predicted rightly.
   *
   * @param here their number, where it was counted on the host
   * @param there the same as a scalar on a device, where they were counted there
   */
  record Correct(long here, Optional<Tensor> there) {
    static final Correct NONE = of(0);

    static Correct of(long items) {
      return new Correct(items, Optional.empty());
    }
  }

  /**
   * Compares outputs with a batch's labels; what it makes belongs to the caller's scope.
   *
   * @param output of the model for this batch, float32
   * @param labels of the batch, where the output is
   * @throws EngineException when their shapes do not go together; the message has both
   */
  Computed compute(Tensor output, Tensor labels, Batch batch) {
    return kind == LossKind.CROSS_ENTROPY
        ? crossEntropy(output, labels, batch)
        : elementwise(output, labels, batch);
  }

  private Computed crossEntropy(Tensor output, Tensor labels, Batch batch) {
    if (output.dim() != 2 || output.size(0) != batch.size() || output.size(1) < classes) {
      throw new EngineException(
          "loss cross-entropy: expected outputs of shape "
              + Shape.of(batch.size(), classes)
              + " (items x classes), found "
              + Tensors.shape(output)
              + "; give the last layer 'out: "
              + classes
              + "'");
    }
    Tensor sum =
        torch.cross_entropy_loss(output, labels, new TensorOptional(), SUM, IGNORE_NONE, 0.0);
    return new Computed(sum, 1, largest(output, labels, batch));
  }

  private Computed elementwise(Tensor output, Tensor labels, Batch batch) {
    if (output.numel() != labels.numel()) {
      throw new EngineException(
          "loss "
              + name()
              + ": expected as many outputs as label values, found shape "
              + Tensors.shape(output)
              + " and labels of shape "
              + batch.labelShape()
              + "; change 'out' of the last layer");
    }
    Tensor shaped = labels.reshape(Tensors.shape(output).toArray());
    Tensor target = Tensors.type(shaped) == ScalarType.Float ? shaped : shaped.to(ScalarType.Float);
    Tensor sum =
        switch (kind) {
          case MSE -> torch.mse_loss(output, target, SUM);
          case L1 -> torch.l1_loss(output, target, SUM);
          case BCE_WITH_LOGITS ->
              torch.binary_cross_entropy_with_logits(
                  output, target, new TensorOptional(), new TensorOptional(), SUM);
          case CROSS_ENTROPY -> throw new IllegalStateException("cross-entropy is not elementwise");
        };
    Correct correct = classes == 2 ? signs(output, labels, batch) : Correct.NONE;
    return new Computed(sum, output.numel() / batch.size(), correct);
  }

  private static Correct largest(Tensor output, Tensor labels, Batch batch) {
    if (!output.is_cuda()) {
      return Correct.of(countLargest(output, batch.labels()));
    }
    Tensor predicted = output.detach().argmax(new LongOptional(1), false);
    return new Correct(0, Optional.of(predicted.eq(labels).sum()));
  }

  private static Correct signs(Tensor output, Tensor labels, Batch batch) {
    if (!output.is_cuda()) {
      return Correct.of(countSigns(output, batch.labels()));
    }
    Tensor predicted = output.detach().reshape(-1).gt(new Scalar(0));
    return new Correct(0, Optional.of(predicted.eq(labels.reshape(-1).eq(new Scalar(1))).sum()));
  }

  /**
   * Items whose largest output is that of their label. In Java, because for a few thousand values
   * an operator call with its intermediate tensors costs more than the comparison.
   */
  private static long countLargest(Tensor output, TensorBuffer labels) {
    int items = (int) output.size(0);
    int width = (int) output.size(1);
    ByteBuffer values = floats(output);
    ByteBuffer classes = view(labels);
    long correct = 0;
    for (int item = 0; item < items; item++) {
      int best = 0;
      float largest = Float.NEGATIVE_INFINITY;
      for (int i = 0; i < width; i++) {
        float value = values.getFloat((item * width + i) * Float.BYTES);
        if (value > largest) {
          largest = value;
          best = i;
        }
      }
      correct += best == classes.getLong(item * Long.BYTES) ? 1 : 0;
    }
    return correct;
  }

  /** Items whose logit is above zero just where their class is 1. */
  private static long countSigns(Tensor output, TensorBuffer labels) {
    ByteBuffer values = floats(output);
    ByteBuffer classes = view(labels);
    long correct = 0;
    for (int item = 0; item < labels.count(); item++) {
      boolean predicted = values.getFloat(item * Float.BYTES) > 0;
      correct += predicted == (classes.getLong(item * Long.BYTES) == 1) ? 1 : 0;
    }
    return correct;
  }

  private static ByteBuffer floats(Tensor output) {
    Tensor contiguous = output.contiguous();
    if (Tensors.type(contiguous) != ScalarType.Float) {
      throw new EngineException(
          "expected float32 outputs of the model, found " + Tensors.type(contiguous));
    }
    return view(TensorBuffer.cpu(contiguous.data_ptr().address(), DType.FLOAT32, output.numel()));
  }

  private static ByteBuffer view(TensorBuffer buffer) {
    return NativeMemory.view(buffer.address(), Math.toIntExact(buffer.byteCount()))
        .order(ByteOrder.nativeOrder());
  }

  private String name() {
    return kind.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
