package dev.trireme.launcher.config;

import java.util.List;
import java.util.Optional;

/**
 * A job that can be meant: its spec, its data and its model fit together.
 *
 * @param resolved spec, and the same as YAML
 * @param data what the sets hold
 * @param model the layers with their shapes; absent where the model is no list of layers
 * @param stepsPerEpoch at least 1
 * @param totalSteps planned, at least 1
 * @param warnings what is allowed and yet unlikely to be meant, a sentence each
 */
public record ValidatedJob(
    ResolvedJob resolved,
    DataInspector.Sets data,
    Optional<ModelOutline> model,
    long stepsPerEpoch,
    long totalSteps,
    List<String> warnings) {
  public ValidatedJob {
    warnings = List.copyOf(warnings);
  }
}
