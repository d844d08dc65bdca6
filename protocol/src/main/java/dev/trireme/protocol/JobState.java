package dev.trireme.protocol;

/** Where a job is in its life; it only ever moves downwards in this list. */
public enum JobState {
  /** Accepted and durable; waits for slots. */
  QUEUED,
  /** Its ranks have been ordered; not all of them are ready. */
  STARTING,
  /** All ranks are ready and train. */
  RUNNING,
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
