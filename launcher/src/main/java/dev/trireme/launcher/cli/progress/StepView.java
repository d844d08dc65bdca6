package dev.trireme.launcher.cli.progress;

/**
 * Where a job is.
 *
 * @param epoch being run, counted from 1
 * @param step newest committed one, counted from 1
 * @param loss of that step
 * @param samplesPerSecond at present; NaN when unknown
 */
public record StepView(int epoch, long step, double loss, double samplesPerSecond) {}
