package dev.trireme.api.tensor;

import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.LongStream;

/**
 * The sizes of a tensor, outermost first; the empty shape is a scalar.
 *
 * @param dims each at least 0
 */
public record Shape(List<Long> dims) {
  public Shape {
    dims = List.copyOf(dims);
    for (long dim : dims) {
      if (dim < 0) {
        throw new IllegalArgumentException("a dimension is below zero in " + dims);
      }
    }
  }

  /** The shape with these sizes. */
  public static Shape of(long... dims) {
    return new Shape(LongStream.of(dims).boxed().toList());
  }

  /** The number of dimensions. */
  public int rank() {
    return dims.size();
  }

  /** The size of dimension {@code index}, counted from the outermost, 0. */
  public long dim(int index) {
    return dims.get(index);
  }

  /** The product of all sizes; 1 for a scalar. */
  public long elements() {
    long product = 1;
    for (long dim : dims) {
      product = Math.multiplyExact(product, dim);
    }
    return product;
  }

  /** The sizes as an array, a fresh one each time. */
  public long[] toArray() {
    return dims.stream().mapToLong(Long::longValue).toArray();
  }

  /** This shape with {@code outermost} put in front. */
  public Shape prepend(long outermost) {
    return new Shape(
        LongStream.concat(LongStream.of(outermost), LongStream.of(toArray())).boxed().toList());
  }

  /** As {@code 32x3x3}; a scalar is {@code scalar}. */
  @Override
  public String toString() {
    return dims.isEmpty()
        ? "scalar"
        : dims.stream().map(String::valueOf).collect(Collectors.joining("x"));
  }
}
