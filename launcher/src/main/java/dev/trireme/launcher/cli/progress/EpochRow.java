package dev.trireme.launcher.cli.progress;

/**
 * An epoch that has ended.
 *
 * @param epoch counted from 1
 * @param trainLoss mean over its steps
 * @param evalLoss NaN without an evaluation
 * @param accuracy in 0..1; NaN without an evaluation or without classes
 * @param seconds it took
 */
public record EpochRow(
    int epoch, double trainLoss, double evalLoss, double accuracy, double seconds) {}
