package dev.trireme.protocol;

/**
 * Where a job is in its life. It moves downwards in this list, but for the way back from {@link
 * #RECOVERING} to {@link #STARTING} with each new generation.
 */
public enum JobState {
  /** Accepted and durable; waits for slots. */
  QUEUED,
  /** Its ranks have been ordered; not all of them are ready. */
  STARTING,
  /** All ranks are ready and train. */
  RUNNING,
  /** Its formation has broken or is to change; the next one is being decided or waited for. */
  RECOVERING,
  /** Its ranks are ending, for good or ill; how it ends is already decided by its reason. */
  STOPPING,
  /** Trained to its end. Final. */
  SUCCEEDED,
  /** Could not go on. Final. */
  FAILED,
  /** Ended because somebody asked. Final. */
  CANCELLED;

  /** Whether nothing more happens to a job in this state. */
  public boolean isFinal() {
    return this == SUCCEEDED || this == FAILED || this == CANCELLED;
  }
}
