package dev.trireme.api.train;

import java.util.Map;

/**
 * How a training program ended.
 *
 * @param progress the last applied step
 * @param stopped whether it ended early because it was asked to
 * @param metrics final figures by name, such as {@code loss} and {@code accuracy}; same on all
 *     ranks
 */
public record TrainingOutcome(Progress progress, boolean stopped, Map<String, Double> metrics) {
  public TrainingOutcome {
    metrics = Map.copyOf(metrics);
  }
}
