package dev.trireme.api.train;

/**
 * The control plane as a training loop sees it. A step is <em>applied</em> on a rank when its
 * optimizer has run, and <em>committed</em> once it is known that every rank has it: when a
 * collective of the next step completes, or the closing barrier does. Only committed steps are
 * reported.
 *
 * <p>Threading: one thread. Nothing here blocks.
 */
public interface StepCoordinator {
  /** Whether the control plane has asked this rank to stop. Put into {@link StepSignals}. */
  boolean stopRequested();

  /**
   * Whether the control plane has asked this rank for a checkpoint. Put into {@link StepSignals}.
   */
  boolean checkpointRequested();

  /** Says that a collective of {@code step} has completed: the step before it is committed. */
  void reduced(long step);

  /** Says that the optimizer has run for this step. */
  void applied(StepRecord record);

  /** Says that the state after the last applied step is about to be saved. */
  void saving();

  /** Says that all ranks have passed the closing barrier: the last applied step is committed. */
  void closed();

  /** Reports an evaluation. Rank 0 only. */
  void evaluated(EvalRecord record);
}
