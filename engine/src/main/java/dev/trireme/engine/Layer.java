package dev.trireme.engine;

import org.bytedeco.pytorch.Tensor;

/** One layer, built and ready to run. */
@FunctionalInterface
interface Layer {
  /** Maps a batch; what it makes belongs to the caller's scope. */
  Tensor forward(Tensor input, boolean training);
}
