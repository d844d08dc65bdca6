package dev.trireme.coordinator.store;

import dev.trireme.protocol.Stored.JobRecord;
import java.util.List;

/**
 * Keeps jobs and the term durably.
 *
 * <p>Threading: any thread. Every call blocks for as long as the disk takes, some milliseconds.
 * Failures are {@link dev.trireme.coordinator.CoordinatorException}; trying again is safe.
 */
public interface JobStore extends AutoCloseable {
  /**
   * Raises the term above every earlier one and above {@code floor}; the new one is durable when
   * this returns.
   *
   * @param floor the highest term known from elsewhere, 0 if none
   * @return the new term
   */
  long raiseTerm(long floor);

  /**
   * Makes sure that the term raised last is still the highest.
   *
   * @throws dev.trireme.coordinator.NotActiveException when it is not, or nobody can tell
   */
  default void confirm() {}

  /**
   * Keeps a job in place of its older versions; durable when this returns.
   *
   * @throws dev.trireme.coordinator.NotActiveException when the store holds a version of a higher
   *     term, or a higher version of the same: another coordinator has taken over
   */
  void put(JobRecord job);

  /** Forgets a job, durably when this returns; nothing happens when it is not there. */
  void remove(String jobId);

  /** Every job in its newest version, in no particular order. */
  List<JobRecord> jobs();

  @Override
  void close();
}
