package dev.trireme.api.train;

import dev.trireme.api.engine.Loss;

/**
 * What a rank adds to a step besides gradients; it travels ahead of the buckets, so that every rank
 * learns the same sums at the same step and all leave together.
 *
 * @param loss of this rank's part
 * @param stop this rank has been asked to stop after this step
 * @param checkpoint this rank has been asked for a checkpoint after this step
 */
public record StepSignals(Loss loss, boolean stop, boolean checkpoint) {}
