package dev.trireme.api.train;

/**
 * What a rank runs: the built-in trainer or a user's own loop. A user's class is named by {@code
 * program.class} in the job spec, lies in {@code program.jar}, and has a public constructor without
 * parameters.
 */
@FunctionalInterface
public interface TrainingProgram {
  /**
   * Trains, on the rank's main thread; runs on every rank.
   *
   * @return how far it came and what its own final metrics are
   * @throws Exception when training cannot go on; the job fails with its message
   */
  TrainingOutcome train(TrainingContext context) throws Exception;
}
