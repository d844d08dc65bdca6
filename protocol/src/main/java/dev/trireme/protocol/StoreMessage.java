package dev.trireme.protocol;

import java.util.List;
import java.util.Optional;

/**
 * What coordinators tell each other about the jobs that each of them keeps. Questions come from the
 * one that is active or is about to be; each has one answer.
 */
public sealed interface StoreMessage extends Message {
  /** May this term begin? Whoever grants it takes nothing of a lower one any more. */
  record Prepare(long term) implements StoreMessage {}

  /**
   * The answer.
   *
   * @param term the highest that was ever granted here, this one included
   * @param jobs what is kept here
   */
  record Promised(boolean granted, long term, List<Head> jobs) implements StoreMessage {
    public Promised {
      jobs = List.copyOf(jobs);
    }
  }

  /** Which version of a job is kept. */
  record Head(String jobId, long term, long version) {}

  /** Give me this job. */
  record Fetch(String jobId) implements StoreMessage {}

  /** The answer; empty when it is not kept here. */
  record Fetched(Optional<Stored.JobRecord> job) implements StoreMessage {}

  /**
   * Keep this version of a job.
   *
   * @param term of the coordinator that says so
   */
  record Keep(long term, Stored.JobRecord job) implements StoreMessage {}

  /** Is this term still the highest? Answered with {@link Kept}. */
  record Confirm(long term) implements StoreMessage {}

  /** Forget a job. */
  record Forget(long term, String jobId) implements StoreMessage {}

  /**
   * It is done, durably.
   *
   * @param refusal why not, empty when it is
   */
  record Kept(String refusal) implements StoreMessage {}
}
