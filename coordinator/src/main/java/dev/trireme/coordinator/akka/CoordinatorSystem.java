package dev.trireme.coordinator.akka;

import akka.actor.Address;
import akka.actor.typed.ActorSystem;
import akka.actor.typed.javadsl.Behaviors;
import akka.cluster.MemberStatus;
import akka.cluster.typed.Cluster;
import akka.cluster.typed.Join;
import akka.remote.RemoteTransportException;
import com.typesafe.config.Config;
import dev.trireme.coordinator.CoordinatorConfig;
import dev.trireme.coordinator.CoordinatorException;
import dev.trireme.coordinator.JobService;
import dev.trireme.coordinator.store.JobStore;
import dev.trireme.coordinator.store.LocalStore;
import dev.trireme.coordinator.store.ReplicatedJobStore;
import dev.trireme.protocol.akka.ControlPlane;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A coordinator's actor system: the first member of its cluster. */
public final class CoordinatorSystem implements CoordinatorHost {
  private static final Logger LOG = LoggerFactory.getLogger(CoordinatorSystem.class);
  private static final int LEAVE_SECONDS = 6;

  private final CoordinatorConfig config;
  private final ActorSystem<Void> system;
  private final AtomicBoolean active = new AtomicBoolean();
  private final CompletableFuture<Void> left = new CompletableFuture<>();
  private final AtomicBoolean closing = new AtomicBoolean();
  private ActorJobService jobs;

  private CoordinatorSystem(CoordinatorConfig config, ActorSystem<Void> system) {
    this.config = config;
    this.system = system;
    ControlPlane.ended(system).thenAccept(done -> left.complete(null));
  }

  /**
   * Starts to listen, and founds the cluster. Blocks for a second or two.
   *
   * @throws CoordinatorException when the port is taken or there is no such interface
   */
  public static CoordinatorSystem start(CoordinatorConfig config) {
    Config settings =
        ControlPlane.settings(
            ControlPlane.COORDINATOR_ROLE, config.host(), config.port(), config.tls());
    boolean several = config.coordinators().size() > 1;
    if (several) {
      settings = Founding.settings(settings);
    }
    ActorSystem<Void> system;
    try {
      system = ActorSystem.create(Behaviors.empty(), ControlPlane.SYSTEM, settings);
    } catch (RemoteTransportException e) {
      throw new CoordinatorException(
          "cannot listen on "
              + config.host()
              + ":"
              + config.port()
              + ": "
              + e.getMessage()
              + "; choose another port, 0 takes any free one",
          e);
    }
    if (several) {
      Founding.join(system, config);
    } else {
      Cluster cluster = Cluster.get(system);
      cluster.manager().tell(Join.create(cluster.selfMember().address()));
    }
    return new CoordinatorSystem(config, system);
  }

  /**
   * As a member it would stay the one whose turn it is, and do nothing: others are to take over.
   */
  private void onFault(Throwable fault) {
    if (closing.get()) {
      return; // That an actor is stopped is no fault then.
    }
    LOG.error("this coordinator has failed and leaves the cluster", fault);
    left.completeExceptionally(fault);
    system.terminate();
  }

  @Override
  public boolean isActive() {
    return active.get();
  }

  @Override
  public boolean isMember() {
    return Cluster.get(system).selfMember().status() == MemberStatus.up();
  }

  @Override
  public CompletionStage<Void> left() {
    return left.copy();
  }

  @Override
  public String address() {
    Address address = Cluster.get(system).selfMember().address();
    return address.getHost().orElseThrow() + ":" + address.getPort().orElseThrow();
  }

  @Override
  public JobService serve(LocalStore local) {
    boolean several = config.coordinators().size() > 1;
    JobStore store = local;
    if (several) {
      StoreActor.start(system, local, ActorJobService.DISPATCHER);
      store = new ReplicatedJobStore(local, AkkaPeers.of(system, config));
    }
    jobs =
        ActorJobService.start(
            (behavior, props) -> ControlPlane.run(system, behavior, props),
            config.name(),
            config.timing(),
            store,
            active,
            several,
            this::onFault);
    return jobs;
  }

  /** Leaves the cluster; takes half a second where nobody else is in it, a few at most. */
  @Override
  public void close() {
    closing.set(true);
    if (jobs != null) {
      jobs.close();
    }
    system.terminate();
    try {
      system.getWhenTerminated().toCompletableFuture().get(LEAVE_SECONDS, TimeUnit.SECONDS);
    } catch (TimeoutException e) {
      LOG.warn("the cluster was not left within {} s", LEAVE_SECONDS);
    } catch (ExecutionException e) {
      LOG.warn("leaving the cluster", e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
