package dev.trireme.checkpoint.format;

import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NamedTensor;
import dev.trireme.api.tensor.Shape;
import java.util.Objects;

/**
 * A tensor without its values.
 *
 * @param name unique in its checkpoint, 1 to {@value Bounds#NAME_LENGTH} characters, not {@value
 *     SafetensorsHeader#METADATA_KEY}
 * @param dtype of every element
 * @param shape at most {@value Bounds#DIMENSIONS} dimensions, whose bytes fit a long
 */
public record TensorSpec(String name, DType dtype, Shape shape) {
  public TensorSpec {
    Objects.requireNonNull(dtype, "dtype");
    if (name.isEmpty() || name.length() > Bounds.NAME_LENGTH) {
      throw new IllegalArgumentException(
          "expected a tensor's name of 1 to "
              + Bounds.NAME_LENGTH
              + " characters, found "
              + name.length()
              + ": '"
              + Bounds.excerpt(name)
              + "'");
    }
    if (name.equals(SafetensorsHeader.METADATA_KEY)) {
      throw new IllegalArgumentException("safetensors keeps the name '" + name + "' for itself");
    }
    if (shape.rank() > Bounds.DIMENSIONS) {
      throw new IllegalArgumentException(
          "expected at most "
              + Bounds.DIMENSIONS
              + " dimensions, found "
              + shape.rank()
              + " in '"
              + name
              + "'");
    }
    bytesOf(name, dtype, shape);
  }

  /** The tensor's name, type and shape. */
  public static TensorSpec of(NamedTensor tensor) {
    return new TensorSpec(tensor.name(), tensor.dtype(), tensor.shape());
  }

  /** The size of its values in bytes. */
  public long byteCount() {
    return bytesOf(name, dtype, shape);
  }

  /** As {@code F32 10x128}. */
  public String typeAndShape() {
    return dtype.safetensorsName() + " " + shape;
  }

  private static long bytesOf(String name, DType dtype, Shape shape) {
    try {
      return Math.multiplyExact(shape.elements(), (long) dtype.bytes());
    } catch (ArithmeticException e) {
      throw new IllegalArgumentException(
          "'" + Bounds.excerpt(name) + "' of shape " + shape + " is larger than any memory", e);
    }
  }
}
