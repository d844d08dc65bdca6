package dev.trireme.data;

import dev.trireme.api.job.DataSpec.NormalizeSpec;
import java.util.Optional;

/**
 * What each of the 256 grey values becomes as a feature: {@code v / 255}, and with a normalisation
 * {@code (v / 255 - mean) / std}. Looking up is cheaper than computing, and rounds once: the table
 * is computed in double precision.
 */
final class FeatureTable {
  private final float[] values = new float[256];

  FeatureTable(Optional<NormalizeSpec> normalize) {
    double mean = normalize.map(NormalizeSpec::mean).orElse(0.0);
    double std = normalize.map(NormalizeSpec::std).orElse(1.0);
    for (int v = 0; v < values.length; v++) {
      values[v] = (float) ((v / 255.0 - mean) / std);
    }
  }

  /** Turns each of {@code pixels} into the feature at the same place. */
  void convert(byte[] pixels, float[] features) {
    for (int i = 0; i < pixels.length; i++) {
      features[i] = values[pixels[i] & 0xFF];
    }
  }
}
