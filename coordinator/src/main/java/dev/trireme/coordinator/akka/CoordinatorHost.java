package dev.trireme.coordinator.akka;

import dev.trireme.coordinator.JobService;
import dev.trireme.coordinator.store.LocalStore;
import java.util.concurrent.CompletionStage;

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
   * @param local this coordinator's own store, which belongs to the caller
   */
  JobService serve(LocalStore local);

  /** Whether this is the active coordinator now. */
  boolean isActive();

  /** Whether it has joined the cluster, and could become the active one. */
  default boolean isMember() {
    return true;
  }

  /**
   * Completed when this is no member of its cluster any more: it was closed, or the others have
   * given it up; exceptionally when it is to end for an error of its own.
   */
  CompletionStage<Void> left();

  /** Ends the coordinator, within seconds. */
  @Override
  void close();
}
