package dev.trireme.api.train;

import dev.trireme.api.engine.Loss;

/**
 * The sums of all ranks' {@link StepSignals}: the same on every rank.
 *
 * @param loss over the global batch
 * @param stop some rank has been asked to stop
 * @param checkpoint some rank has been asked for a checkpoint
 */
public record StepTotals(Loss loss, boolean stop, boolean checkpoint) {
  /** The mean loss over the global batch. */
  public double meanLoss() {
    return loss.items() == 0 ? 0 : loss.lossSum() / loss.items();
  }
}
