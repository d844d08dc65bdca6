package dev.trireme.api.checkpoint;

import dev.trireme.api.tensor.NamedTensor;
import dev.trireme.api.train.Progress;
import java.util.List;

/**
 * What one checkpoint holds. The same on every rank: replicated tensors are split among the ranks
 * that write.
 *
 * @param generation of the formation that writes
 * @param progress the applied step and the cursor after it
 * @param seed of the job
 * @param resolvedSpec the job spec as YAML, every default filled in
 * @param tensors model state under {@code model.<name>}, optimizer state under {@code
 *     optimizer.<name>}; names unique
 */
public record CheckpointContent(
    long generation, Progress progress, long seed, String resolvedSpec, List<NamedTensor> tensors) {
  public CheckpointContent {
    tensors = List.copyOf(tensors);
  }
}
