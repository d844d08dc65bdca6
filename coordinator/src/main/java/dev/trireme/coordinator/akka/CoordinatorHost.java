package dev.trireme.coordinator.akka;

import dev.trireme.coordinator.JobService;
import dev.trireme.coordinator.store.JobStore;

/** What a coordinator's actor runs on. */
public interface CoordinatorHost extends AutoCloseable {
  /**
   * Where agents reach it, as {@code host:port}.
   *
   * @throws IllegalStateException where there is no network to reach it over
   */
  String address();

  /**
   * Takes jobs from now on. Once.
   *
   * @param store belongs to the caller
   */
  JobService serve(JobStore store);

  /** Ends the coordinator, within seconds. */
  @Override
  void close();
}
