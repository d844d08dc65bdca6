package dev.trireme.coordinator;

import dev.trireme.coordinator.akka.CoordinatorHost;
import dev.trireme.coordinator.akka.CoordinatorSystem;
import dev.trireme.coordinator.akka.LocalCoordinator;
import dev.trireme.coordinator.store.FileJobStore;
import dev.trireme.coordinator.store.HazelcastJobStore;
import dev.trireme.coordinator.store.LocalStore;
import dev.trireme.protocol.akka.LocalPlane;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.function.Supplier;

/**
 * A coordinator, running: actor system, job store, and the jobs.
 *
 * <p>Threading: any thread. It owns every thread and file it makes; after {@link #close} none is
 * left.
 */
public final class CoordinatorNode implements AutoCloseable {
  private final CoordinatorHost host;
  private final CompletableFuture<LocalStore> store;
  private final CompletableFuture<JobService> jobs;

  private CoordinatorNode(CoordinatorHost host, CompletableFuture<LocalStore> store) {
    this.host = host;
    this.store = store;
    this.jobs = store.thenApply(host::serve);
  }

  /**
   * Starts a coordinator. Returns as soon as agents can reach it; the job store, which takes about
   * as long, opens meanwhile, and agents are accepted once it has.
   *
   * @throws CoordinatorException when it cannot listen where it should
   */
  public static CoordinatorNode start(CoordinatorConfig config) {
    CompletableFuture<LocalStore> store =
        opening(() -> HazelcastJobStore.open(config.name(), config.stateDirectory()));
    try {
      return new CoordinatorNode(CoordinatorSystem.start(config), store);
    } catch (RuntimeException e) {
      closeStore(store);
      throw e;
    }
  }

  /**
   * Starts a coordinator for agents of this process alone. It opens no port, and shares its jobs
   * with no other coordinator. Returns at once; what fails is told by {@link #jobs}.
   *
   * @param name as {@link CoordinatorConfig#name}
   * @param stateDirectory as {@link CoordinatorConfig#stateDirectory}
   * @param plane belongs to the coordinator from now on, which closes it
   */
  public static CoordinatorNode embedded(String name, Path stateDirectory, LocalPlane plane) {
    return new CoordinatorNode(
        new LocalCoordinator(name, plane), opening(() -> FileJobStore.open(stateDirectory)));
  }

  private static CompletableFuture<LocalStore> opening(Supplier<LocalStore> open) {
    CompletableFuture<LocalStore> store = new CompletableFuture<>();
    Thread opener =
        new Thread(
            () -> {
              try {
                store.complete(open.get());
              } catch (RuntimeException | Error e) {
                store.completeExceptionally(e);
              }
            },
            "trireme-open-store");
    opener.setDaemon(true);
    opener.start();
    return store;
  }

  /** Where agents reach it, as {@code host:port}; an embedded one has no address. */
  public String address() {
    return host.address();
  }

  /**
   * What it offers. Blocks until the job store is open.
   *
   * @throws CoordinatorException when the job store cannot be opened
   */
  public JobService jobs() {
    try {
      return jobs.join();
    } catch (CompletionException e) {
      throw e.getCause() instanceof CoordinatorException told
          ? new CoordinatorException(told.getMessage(), told)
          : e;
    }
  }

  /** What it offers while it is the active coordinator; empty while another one is. */
  public Optional<JobService> active() {
    return host.isActive() ? Optional.of(jobs()) : Optional.empty();
  }

  /** Whether it is a member of the cluster, active or standing by; not yet one as it starts. */
  public boolean isMember() {
    return host.isMember();
  }

  /**
   * Completed when it is no member of the cluster any more: it was closed, or the other
   * coordinators have given it up, as they do with one that they cannot reach; it is to be started
   * anew then. Exceptionally when it has failed for an error of its own: its process is to end.
   */
  public CompletionStage<Void> left() {
    return host.left();
  }

  /**
   * Leaves the cluster and closes the store, in about half a second, some seconds at most. Jobs
   * that still run are not ended by this: their ranks go on for as long as their lease, and the
   * next start goes on with them. Repeats do nothing.
   */
  @Override
  public void close() {
    host.close();
    closeStore(store);
  }

  private static void closeStore(CompletableFuture<LocalStore> store) {
    store
        .handle(
            (opened, error) -> {
              if (opened != null) {
                opened.close();
              }
              return null;
            })
        .join();
  }
}
