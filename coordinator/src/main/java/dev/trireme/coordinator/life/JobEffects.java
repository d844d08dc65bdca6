package dev.trireme.coordinator.life;

import dev.trireme.coordinator.JobEvent;
import dev.trireme.protocol.CoordinatorToAgent;
import dev.trireme.protocol.Stored.JobRecord;
import java.util.Optional;

/** What a job's life does to the world. */
public interface JobEffects {
  /** The term that this coordinator acts under, at least 1. */
  long term();

  /** Sends a command; lost without notice when the agent is gone. Does not block. */
  void tell(String agentId, CoordinatorToAgent command);

  /**
   * Makes this record the job's; durable when it returns. Where it cannot be made so, a job that
   * waits is not accepted, and one that runs goes on.
   */
  void store(JobRecord record);

  /**
   * The same for what must not happen unless it is durable.
   *
   * @throws dev.trireme.coordinator.CoordinatorException when it is not
   */
  default void storeSurely(JobRecord record) {
    store(record);
  }

  /** Lets everybody know. Does not block. */
  void publish(JobEvent event);

  /**
   * Why something that was published of what steps were trained on is not on disk; empty where all
   * of it is. Tries to write what is not, and blocks as long as that takes.
   */
  default Optional<String> unrecorded() {
    return Optional.empty();
  }

  /** What the job waits for is another: {@link JobRun#nextDeadline} has changed. */
  default void waitsChanged() {}
}
