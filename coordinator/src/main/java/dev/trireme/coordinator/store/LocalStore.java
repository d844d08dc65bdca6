package dev.trireme.coordinator.store;

import dev.trireme.protocol.Stored.JobRecord;
import java.util.Optional;

/** A job store on one coordinator's own disk, which others may ask for what it keeps. */
public interface LocalStore extends JobStore {
  /** The highest term that was ever raised or promised here; 0 if none. */
  long term();

  /**
   * Takes nothing of a lower term from now on; durable when it returns true.
   *
   * @return false, with nothing changed, unless the term is above all before it
   */
  boolean promise(long term);

  /** One job. */
  Optional<JobRecord> job(String jobId);
}
