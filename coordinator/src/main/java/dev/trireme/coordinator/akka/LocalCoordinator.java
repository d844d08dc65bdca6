package dev.trireme.coordinator.akka;

import dev.trireme.coordinator.CoordinatorConfig.Timing;
import dev.trireme.coordinator.JobService;
import dev.trireme.coordinator.store.JobStore;
import dev.trireme.protocol.akka.LocalPlane;

/** A coordinator that only agents of its own process can reach. */
public final class LocalCoordinator implements CoordinatorHost {
  private final String name;
  private final LocalPlane plane;
  private ActorJobService jobs;

  /**
   * @param plane belongs to this from now on
   */
  public LocalCoordinator(String name, LocalPlane plane) {
    this.name = name;
    this.plane = plane;
  }

  @Override
  public String address() {
    throw new IllegalStateException("this coordinator has no address: it is not on a network");
  }

  @Override
  public JobService serve(JobStore store) {
    jobs = ActorJobService.start(plane::run, name, Timing.DEFAULT, store);
    return jobs;
  }

  @Override
  public void close() {
    if (jobs != null) {
      jobs.close();
    }
    plane.close();
  }
}
