package dev.trireme.engine;

import dev.trireme.api.tensor.NamedTensor;
import java.util.Collection;

/**
 * Decides how many of a rank's threads one product of matrices gets. Pure.
 *
 * <p>libtorch's own loops run on OpenMP's threads, products on OpenBLAS's, which know nothing of
 * each other. A convolution calls for products from within a loop over the batch: with threads of
 * their own on both sides twice as many wait for each other as there are cores. So a model with
 * convolutions has products of one thread, many at a time, also those of its linear layers; in
 * another, whose products stand alone, they get all. Figures are in {@code bench/NOTEBOOK.md}.
 */
final class BlasThreads {
  /** Weights of convolutions have at least the channels out, those in, and one size. */
  private static final int CONVOLUTION_DIMENSIONS = 3;

  private BlasThreads() {}

  /**
   * @param threads of the rank, at least 1
   * @param state the model's, also what is not trained
   */
  static int of(int threads, Collection<NamedTensor> state) {
    return state.stream().anyMatch(BlasThreads::isOfConvolution) ? 1 : threads;
  }

  /** By its name, for other tensors have three dimensions, too: a table of positions, say. */
  private static boolean isOfConvolution(NamedTensor tensor) {
    String last = tensor.name().substring(tensor.name().lastIndexOf('.') + 1);
    return last.startsWith("weight") && tensor.shape().rank() >= CONVOLUTION_DIMENSIONS;
  }
}
