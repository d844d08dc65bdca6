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
   * <p>When ranks die, leave or join, the {@link dev.trireme.api.collective.CollectiveException} of
   * whatever was under way ends this call; let it pass. A new instance is then made and called in
   * the next formation, with the same replica: {@link TrainingContext#start} says which step to go
   * on after, and what the program had in its own fields and variables is gone.
   *
   * @return how far it came and what its own final metrics are
   * @throws Exception when training cannot go on; the job fails with its message
   */
  TrainingOutcome train(TrainingContext context) throws Exception;
}
