package dev.trireme.coordinator;

import dev.trireme.api.train.WireBytes;
import dev.trireme.protocol.JobState;
import java.util.Map;

/**
 * How a job ended; what {@code result.json} holds.
 *
 * @param jobId given when it was accepted
 * @param name from the job spec
 * @param state a final one
 * @param reason why, for people
 * @param usage whether it failed because the job spec or its data is at fault
 * @param steps done in all, those before a resume included
 * @param epochs completed
 * @param worldSize of its last formation, 0 when it never formed
 * @param generations formations it had
 * @param samplesPerSecond as the ranks measured it; NaN when there were too few steps
 * @param wire what each rank sent of gradients in the last step that was reported
 * @param metrics final figures of rank 0 by name; empty when it did not come to its end
 * @param stateHash over the model's state dict in name order, the same on every rank; empty when it
 *     did not come to its end
 * @param wallSeconds from acceptance to the end
 */
public record JobResult(
    String jobId,
    String name,
    JobState state,
    String reason,
    boolean usage,
    long steps,
    int epochs,
    int worldSize,
    int generations,
    double samplesPerSecond,
    WireBytes wire,
    Map<String, Double> metrics,
    String stateHash,
    double wallSeconds) {
  public JobResult {
    metrics = Map.copyOf(metrics);
  }
}
