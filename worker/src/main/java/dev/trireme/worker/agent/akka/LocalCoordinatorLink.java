package dev.trireme.worker.agent.akka;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import dev.trireme.protocol.AgentToCoordinator;
import dev.trireme.protocol.AgentToCoordinator.RegisterAgent;
import dev.trireme.protocol.CoordinatorToAgent;
import dev.trireme.protocol.akka.LocalPlane;
import dev.trireme.worker.agent.CoordinatorLink;
import dev.trireme.worker.agent.plane.Session;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The way to a coordinator in the same process: no network is between them. */
public final class LocalCoordinatorLink implements CoordinatorLink {
  private static final Logger LOG = LoggerFactory.getLogger(LocalCoordinatorLink.class);

  private final LocalPlane plane;
  private final String name;
  private Optional<Session> session = Optional.empty();
  private Optional<ActorRef<Object>> agent = Optional.empty();
  private boolean closed;

  /**
   * @param plane belongs to the caller
   * @param name of the agent's actor, unlike that of any other on this plane
   */
  public LocalCoordinatorLink(LocalPlane plane, String name) {
    this.plane = plane;
    this.name = name;
  }

  @Override
  public synchronized void start(
      Supplier<RegisterAgent> registration, Consumer<CoordinatorToAgent> commands) {
    Session fresh = Session.fresh(registration.get().agentId());
    session = Optional.of(fresh);
    plane
        .coordinator()
        .thenAccept(
            coordinator -> join(AgentActor.create(coordinator, registration, commands, fresh)));
  }

  private synchronized void join(Behavior<Object> behavior) {
    if (!closed) {
      agent = Optional.of(plane.join(behavior, name));
    }
  }

  @Override
  public synchronized void send(AgentToCoordinator message) {
    if (session.isEmpty()) {
      LOG.warn("lost a {}: the control plane is not up", message.getClass().getSimpleName());
      return;
    }
    session.get().say(message);
    agent.ifPresent(a -> a.tell(AgentActor.Ask.SAY));
  }

  @Override
  public synchronized void close() {
    closed = true;
    agent.ifPresent(a -> a.tell(AgentActor.Ask.LEAVE));
  }
}
