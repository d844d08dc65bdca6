package dev.trireme.worker.agent.akka;

import akka.actor.Address;
import akka.actor.typed.ActorSystem;
import akka.actor.typed.javadsl.Behaviors;
import akka.cluster.typed.Cluster;
import akka.cluster.typed.JoinSeedNodes;
import dev.trireme.protocol.AgentToCoordinator;
import dev.trireme.protocol.AgentToCoordinator.RegisterAgent;
import dev.trireme.protocol.CoordinatorToAgent;
import dev.trireme.protocol.TlsFiles;
import dev.trireme.protocol.akka.ControlPlane;
import dev.trireme.worker.agent.CoordinatorLink;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import scala.jdk.javaapi.CollectionConverters;

/** A member of the coordinators' Akka cluster, with an actor system of its own. */
public final class AkkaCoordinatorLink implements CoordinatorLink {
  private static final Logger LOG = LoggerFactory.getLogger(AkkaCoordinatorLink.class);
  private static final long LEAVE_SECONDS = 6;

  private final String bindHost;
  private final List<Address> seeds;
  private final Optional<TlsFiles> tls;
  private volatile ActorSystem<Object> system;

  /**
   * @param bindHost to listen on and be reached at; any free port is taken
   * @param seeds coordinators as {@code host:port}, at least one
   * @throws IllegalArgumentException when a seed is no {@code host:port}
   */
  public AkkaCoordinatorLink(String bindHost, List<String> seeds) {
    this(bindHost, seeds, Optional.empty());
  }

  /**
   * @param bindHost to listen on and be reached at; any free port is taken
   * @param seeds coordinators as {@code host:port}, at least one
   * @param tls what members prove themselves with; without it the host must be loopback
   * @throws IllegalArgumentException when a seed is no {@code host:port}
   */
  public AkkaCoordinatorLink(String bindHost, List<String> seeds, Optional<TlsFiles> tls) {
    this.bindHost = bindHost;
    this.tls = tls;
    this.seeds = seeds.stream().map(AkkaCoordinatorLink::address).toList();
    if (seeds.isEmpty()) {
      throw new IllegalArgumentException("expected at least one coordinator's host:port");
    }
  }

  private static Address address(String seed) {
    int colon = seed.lastIndexOf(':');
    try {
      int port = Integer.parseInt(seed.substring(colon + 1));
      if (colon > 0 && port > 0 && port <= 0xffff) {
        return new Address("akka", ControlPlane.SYSTEM, seed.substring(0, colon), port);
      }
    } catch (NumberFormatException e) {
      // Falls through to the one message.
    }
    throw new IllegalArgumentException(
        "'" + seed + "' is no coordinator's address: expected host:port");
  }

  @Override
  public void start(Supplier<RegisterAgent> registration, Consumer<CoordinatorToAgent> commands) {
    system =
        ActorSystem.create(
            Behaviors.setup(
                context ->
                    AgentActor.create(
                        ControlPlane.coordinator(context.getSystem()), registration, commands)),
            ControlPlane.SYSTEM,
            ControlPlane.settings(ControlPlane.AGENT_ROLE, bindHost, 0, tls));
    Cluster.get(system)
        .manager()
        .tell(new JoinSeedNodes(CollectionConverters.asScala(seeds).toSeq()));
  }

  /**
   * Completed when this is no member of the cluster any more: it was closed, or the cluster has
   * given it up. Called after {@link #start}.
   */
  public CompletionStage<Void> left() {
    return system.getWhenTerminated().thenApply(done -> null);
  }

  @Override
  public void send(AgentToCoordinator message) {
    ActorSystem<Object> to = system;
    if (to == null) {
      LOG.warn("lost a {}: the control plane is not up", message.getClass().getSimpleName());
    } else {
      to.tell(new AgentActor.Say(message));
    }
  }

  @Override
  public void close() {
    if (system == null) {
      return;
    }
    system.terminate();
    try {
      system.getWhenTerminated().toCompletableFuture().get(LEAVE_SECONDS, TimeUnit.SECONDS);
    } catch (TimeoutException e) {
      LOG.warn("the control plane was not left within {} s", LEAVE_SECONDS);
    } catch (ExecutionException e) {
      LOG.warn("leaving the control plane", e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
