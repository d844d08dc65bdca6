package dev.trireme.worker.agent.akka;

import akka.actor.Address;
import akka.actor.typed.ActorSystem;
import akka.actor.typed.Behavior;
import akka.actor.typed.javadsl.Behaviors;
import akka.cluster.typed.Cluster;
import akka.cluster.typed.JoinSeedNodes;
import akka.remote.RemoteTransportException;
import dev.trireme.protocol.AgentToCoordinator;
import dev.trireme.protocol.AgentToCoordinator.RegisterAgent;
import dev.trireme.protocol.CoordinatorToAgent;
import dev.trireme.protocol.TlsFiles;
import dev.trireme.protocol.akka.ControlPlane;
import dev.trireme.worker.agent.CoordinatorLink;
import dev.trireme.worker.agent.plane.Session;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import scala.jdk.javaapi.CollectionConverters;

/**
 * A member of the coordinators' Akka cluster, with an actor system of its own. When the cluster has
 * given it up, as it does with a host that was cut off, or when no coordinator is left, it joins
 * again as a new member and goes on with what the agent has to say: what the ranks may do meanwhile
 * is for the lease to say, and what becomes of them then for the coordinator.
 *
 * <p>It owns two threads: {@code trireme-join}, and {@code trireme-lease}, on which nothing else is
 * done, so that a lease ends in time whatever becomes of the actor system.
 */
public final class AkkaCoordinatorLink implements CoordinatorLink {
  private static final Logger LOG = LoggerFactory.getLogger(AkkaCoordinatorLink.class);
  private static final long LEAVE_SECONDS = 6;
  private static final long PAUSE_MILLIS = 500;
  private static final long LOOK_MILLIS = 500;

  private final String bindHost;
  private final List<Address> seeds;
  private final Optional<TlsFiles> tls;
  private volatile ActorSystem<Object> system;
  private volatile Optional<String> agentId = Optional.empty();
  private volatile Optional<Session> session = Optional.empty();
  private final ScheduledExecutorService again = one("trireme-join");
  private final ScheduledExecutorService leases = one("trireme-lease");
  private boolean closed;

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

  private static ScheduledExecutorService one(String name) {
    return Executors.newSingleThreadScheduledExecutor(
        body -> {
          Thread thread = new Thread(body, name);
          thread.setDaemon(true);
          return thread;
        });
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
  public synchronized void start(
      Supplier<RegisterAgent> registration, Consumer<CoordinatorToAgent> commands) {
    Session fresh = Session.fresh(registration.get().agentId());
    session = Optional.of(fresh);
    agentId = Optional.of(registration.get().agentId());
    leases.scheduleWithFixedDelay(
        () -> look(fresh, commands), LOOK_MILLIS, LOOK_MILLIS, TimeUnit.MILLISECONDS);
    join(
        () ->
            Behaviors.setup(
                context ->
                    AgentActor.create(
                        ControlPlane.coordinator(context.getSystem()),
                        registration,
                        commands,
                        fresh)));
  }

  private void look(Session of, Consumer<CoordinatorToAgent> commands) {
    try {
      for (CoordinatorToAgent command : of.onTime(System.nanoTime())) {
        LOG.warn("the lease is over: {}", command);
        commands.accept(command);
      }
    } catch (RuntimeException e) {
      LOG.error("looking at the lease", e);
    }
  }

  private synchronized void join(Supplier<Behavior<Object>> agent) {
    if (closed) {
      return;
    }
    ActorSystem<Object> joining;
    try {
      joining =
          ActorSystem.create(
              agent.get(),
              ControlPlane.SYSTEM,
              ControlPlane.settings(ControlPlane.AGENT_ROLE, bindHost, 0, tls));
    } catch (RemoteTransportException e) {
      throw new IllegalArgumentException(
          "expected an address of this host to listen on, found "
              + bindHost
              + ": "
              + e.getMessage()
              + "; 'ip addr' shows those there are",
          e);
    }
    system = joining;
    Cluster.get(joining)
        .manager()
        .tell(new JoinSeedNodes(CollectionConverters.asScala(seeds).toSeq()));
    ControlPlane.ended(joining).thenAccept(done -> joinLater(agent));
  }

  private synchronized void joinLater(Supplier<Behavior<Object>> agent) {
    if (!closed) {
      again.schedule(() -> joinAgain(agent), PAUSE_MILLIS, TimeUnit.MILLISECONDS);
    }
  }

  /** A member that was given up cannot come back as the one it was. */
  private void joinAgain(Supplier<Behavior<Object>> agent) {
    LOG.warn("the cluster has given this agent up, or is gone: joins again");
    try {
      join(agent);
    } catch (RuntimeException e) {
      LOG.error("cannot join; tries again", e);
      joinLater(agent);
    }
  }

  @Override
  public void send(AgentToCoordinator message) {
    if (session.isEmpty()) {
      LOG.warn("lost a {}: the control plane is not up", message.getClass().getSimpleName());
      return;
    }
    // Kept whether or not there is an actor system just now.
    session.get().say(message);
    ActorSystem<Object> to = system;
    if (to != null) {
      to.tell(AgentActor.Ask.SAY);
    }
  }

  @Override
  public void close() {
    ActorSystem<Object> leaving;
    synchronized (this) {
      closed = true;
      leaving = system;
    }
    again.shutdownNow();
    leases.shutdownNow();
    if (leaving == null) {
      return;
    }
    // Whoever closes this has ended the ranks: the coordinator need not wait for a lease.
    agentId.ifPresent(
        id -> leaving.tell(new AgentActor.LastWord(new AgentToCoordinator.Leaving(id))));
    leaving.terminate();
    try {
      leaving.getWhenTerminated().toCompletableFuture().get(LEAVE_SECONDS, TimeUnit.SECONDS);
    } catch (TimeoutException e) {
      LOG.warn("the control plane was not left within {} s", LEAVE_SECONDS);
    } catch (ExecutionException e) {
      LOG.warn("leaving the control plane", e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
