package dev.trireme.coordinator;

/** Hears what happens to a job. */
@FunctionalInterface
public interface JobListener {
  /**
   * Something has happened.
   *
   * <p>Threading: a thread of this subscription's own, one call at a time. A slow listener holds
   * nobody up: while it lags, {@link JobEvent.Progress} is left out for it, the oldest first; when
   * it lags by more than a thousand other events, its subscription ends, which is logged. What it
   * throws is logged and otherwise ignored.
   */
  void on(JobEvent event);

  /**
   * Nothing more will come though the job has not ended: the coordinator has, or this listener
   * lagged by too much. Not told to who has closed the subscription. Same thread.
   */
  default void lost() {}
}
