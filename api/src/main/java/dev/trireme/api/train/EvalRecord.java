package dev.trireme.api.train;

/**
 * The result of one evaluation over the whole evaluation set.
 *
 * @param step after which it was done
 * @param epoch that had just ended, counted from 0
 * @param loss mean over the set
 * @param accuracy in 0..1; NaN where labels are not classes
 */
public record EvalRecord(long step, int epoch, double loss, double accuracy) {}
