package dev.trireme.api.train;

import dev.trireme.api.data.Cursor;

/**
 * What a rank reports of one applied step.
 *
 * @param generation in which it was computed
 * @param step its number, 1 for the first
 * @param from where its samples begin
 * @param samples in its global batch
 * @param loss mean over the global batch
 * @param learningRate used
 * @param nanoTime when its optimizer had run, on the rank's monotonic clock
 */
public record StepRecord(
    long generation,
    long step,
    Cursor from,
    int samples,
    double loss,
    double learningRate,
    long nanoTime) {}
