package dev.trireme.engine;

import dev.trireme.api.tensor.Shape;
import java.util.Collection;

/**
 * Decides how many of a rank's threads one product of matrices gets. Pure.
 *
 * <p>libtorch's own loops run on OpenMP's threads, products on OpenBLAS's, which know nothing of
 * each other. A convolution calls for products from within a loop over the batch: with threads of
 * their own on both sides twice as many wait for each other as there are cores. So a model with
 * convolutions has products of one thread, many at a time; a linear layer's, which stand alone, get
 * all. Figures are in {@code bench/NOTEBOOK.md}.
 */
final class BlasThreads {
  /** Weights of convolutions have at least the channels out, those in, and one size. */
  private static final int CONVOLUTION_DIMENSIONS = 3;

  private BlasThreads() {}

  /**
   * @param threads of the rank, at least 1
   * @param parameters shapes of the model's
   */
  static int of(int threads, Collection<Shape> parameters) {
    boolean convolves = parameters.stream().anyMatch(s -> s.rank() >= CONVOLUTION_DIMENSIONS);
    return convolves ? 1 : threads;
  }
}
