package dev.trireme.coordinator.akka;

import akka.actor.Address;
import akka.actor.typed.ActorSystem;
import akka.actor.typed.DispatcherSelector;
import akka.actor.typed.javadsl.Behaviors;
import akka.cluster.typed.Cluster;
import akka.cluster.typed.Join;
import akka.remote.RemoteTransportException;
import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import dev.trireme.coordinator.CoordinatorConfig;
import dev.trireme.coordinator.CoordinatorException;
import dev.trireme.coordinator.JobService;
import dev.trireme.coordinator.control.JobControl;
import dev.trireme.coordinator.life.Time;
import dev.trireme.coordinator.store.JobStore;
import dev.trireme.protocol.akka.ControlPlane;
import java.security.SecureRandom;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A coordinator's actor system: the first member of its cluster. */
public final class CoordinatorSystem implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(CoordinatorSystem.class);
  private static final int LEAVE_SECONDS = 6;
  private static final String DISPATCHER = "trireme.coordinator-dispatcher";

  /** A thread of its own: it waits for the disk. */
  private static final Config SETTINGS =
      ConfigFactory.parseString(
          DISPATCHER + " { type = PinnedDispatcher, executor = thread-pool-executor }");

  private final CoordinatorConfig config;
  private final ActorSystem<Void> system;
  private ActorJobService jobs;

  private CoordinatorSystem(CoordinatorConfig config, ActorSystem<Void> system) {
    this.config = config;
    this.system = system;
  }

  /**
   * Starts to listen, and founds the cluster. Blocks for a second or two.
   *
   * @throws CoordinatorException when the port is taken or there is no such interface
   */
  public static CoordinatorSystem start(CoordinatorConfig config) {
    Config settings =
        SETTINGS.withFallback(
            ControlPlane.settings(
                ControlPlane.COORDINATOR_ROLE, config.host(), config.port(), config.tls()));
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
    Cluster cluster = Cluster.get(system);
    cluster.manager().tell(Join.create(cluster.selfMember().address()));
    return new CoordinatorSystem(config, system);
  }

  /** Where agents reach it, as {@code host:port}. */
  public String address() {
    Address address = Cluster.get(system).selfMember().address();
    return address.getHost().orElseThrow() + ":" + address.getPort().orElseThrow();
  }

  /**
   * Takes jobs from now on. Once.
   *
   * @param store belongs to the caller
   */
  public JobService serve(JobStore store) {
    SecureRandom random = new SecureRandom();
    jobs =
        new ActorJobService(
            ControlPlane.run(
                system,
                CoordinatorActor.create(
                    out ->
                        new JobControl(
                            config.name(),
                            store,
                            config.timing(),
                            Time.SYSTEM,
                            random::nextLong,
                            out)),
                DispatcherSelector.fromConfig(DISPATCHER)));
    return jobs;
  }

  /** Leaves the cluster; takes half a second where nobody else is in it, a few at most. */
  @Override
  public void close() {
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
