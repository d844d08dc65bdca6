package dev.trireme.api.tensor;

import java.util.Objects;

/**
 * One entry of a state dict: a name as PyTorch would give it, a shape, and where the values stand.
 *
 * @param name such as {@code 3.weight}; never empty
 * @param shape whose number of elements is that of {@code data}
 * @param data the values, row-major and contiguous
 */
public record NamedTensor(String name, Shape shape, TensorBuffer data) {
  public NamedTensor {
    Objects.requireNonNull(shape, "shape");
    Objects.requireNonNull(data, "data");
    if (name == null || name.isEmpty()) {
      throw new IllegalArgumentException("a tensor of a state dict needs a name");
    }
    if (shape.elements() != data.count()) {
      throw new IllegalArgumentException(
          name
              + ": shape "
              + shape
              + " has "
              + shape.elements()
              + " elements, its data "
              + data.count());
    }
  }

  /** The element type. */
  public DType dtype() {
    return data.dtype();
  }
}
