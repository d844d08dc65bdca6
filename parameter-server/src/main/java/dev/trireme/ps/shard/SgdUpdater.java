package dev.trireme.ps.shard;

import dev.trireme.api.job.OptimizerSpec;
import dev.trireme.api.tensor.NativeMemory;

/**
 * Stochastic gradient descent, whose stretches are sums and products of whole vectors. Rows of
 * tables go through arrays; both ways round alike, so that the bits are the same.
 *
 * <p>Cost: four to seven passes over a stretch in the cache. Threading: as {@link Updater}.
 */
abstract class SgdUpdater extends Updater {
  final Vectors vectors = new Vectors();
  final float decay;
  float rate;

  private SgdUpdater(OptimizerSpec.Sgd sgd, String... slotNames) {
    super(slotNames);
    decay = (float) sgd.weightDecay();
  }

  @Override
  final void begin(double learningRate, long updates) {
    rate = (float) learningRate;
  }

  /** gradients[i] += factor * terms[i]; the rest of the scratch is overwritten. */
  final void addScaled(long gradients, long terms, float factor, int length) {
    long scaled = gradients + SCRATCH_BYTES / 2;
    NativeMemory.copy(terms, scaled, (long) Float.BYTES * length);
    vectors.scale(scaled, factor, length);
    vectors.add(gradients, scaled, length);
  }

  /** parameters[i] -= rate * directions[i]; the directions are overwritten. */
  final void descend(long parameters, long directions, int length) {
    vectors.scale(directions, -rate, length);
    vectors.add(parameters, directions, length);
  }

  /** Without momentum. */
  static final class Plain extends SgdUpdater {
    Plain(OptimizerSpec.Sgd sgd) {
      super(sgd);
    }

    @Override
    void stretch(long parameters, long[] slotAddresses, long gradients, int length) {
      if (decay != 0) {
        addScaled(gradients, parameters, decay, length);
      }
      descend(parameters, gradients, length);
    }

    @Override
    void step(float[] p, float[] g, float[][] slots, int n) {
      for (int i = 0; i < n; i++) {
        p[i] -= rate * (g[i] + decay * p[i]);
      }
    }
  }

  /** With momentum, Nesterov's or not. */
  static final class Momentum extends SgdUpdater {
    private final float momentum;
    private final boolean nesterov;

    Momentum(OptimizerSpec.Sgd sgd) {
      super(sgd, "momentum_buffer");
      momentum = (float) sgd.momentum();
      nesterov = sgd.nesterov();
    }

    @Override
    void stretch(long parameters, long[] slotAddresses, long gradients, int length) {
      long velocity = slotAddresses[0];
      if (decay != 0) {
        addScaled(gradients, parameters, decay, length);
      }
      vectors.scale(velocity, momentum, length);
      vectors.add(velocity, gradients, length);
      if (nesterov) {
        addScaled(gradients, velocity, momentum, length);
      } else {
        NativeMemory.copy(velocity, gradients, (long) Float.BYTES * length);
      }
      descend(parameters, gradients, length);
    }

    @Override
    void step(float[] p, float[] g, float[][] slots, int n) {
      float[] velocity = slots[0];
      for (int i = 0; i < n; i++) {
        g[i] += decay * p[i];
        velocity[i] = momentum * velocity[i] + g[i];
      }
      if (nesterov) {
        for (int i = 0; i < n; i++) {
          p[i] -= rate * (g[i] + momentum * velocity[i]);
        }
      } else {
        for (int i = 0; i < n; i++) {
          p[i] -= rate * velocity[i];
        }
      }
    }
  }
}
