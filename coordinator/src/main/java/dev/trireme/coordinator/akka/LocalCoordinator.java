package dev.trireme.coordinator.akka;

import dev.trireme.coordinator.CoordinatorConfig.Timing;
import dev.trireme.coordinator.JobService;
import dev.trireme.coordinator.store.LocalStore;
import dev.trireme.protocol.akka.LocalPlane;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicBoolean;

/** A coordinator that only agents of its own process can reach. */
public final class LocalCoordinator implements CoordinatorHost {
  private final String name;
  private final LocalPlane plane;
  private final AtomicBoolean active = new AtomicBoolean();
  private final CompletableFuture<Void> left = new CompletableFuture<>();
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
  public JobService serve(LocalStore local) {
    jobs =
        ActorJobService.start(
            plane::run,
            name,
            // Nobody can take over, and neither can the agent be without its coordinator.
            Timing.DEFAULT.withLease(Duration.ZERO, Duration.ZERO),
            local,
            active,
            false,
            fault -> {});
    return jobs;
  }

  @Override
  public boolean isActive() {
    return active.get();
  }

  @Override
  public CompletionStage<Void> left() {
    return left.copy();
  }

  @Override
  public void close() {
    if (jobs != null) {
      jobs.close();
    }
    plane.close();
    left.complete(null);
  }
}
