package dev.trireme.worker.agent.akka;

import akka.actor.typed.ActorRef;
import dev.trireme.protocol.AgentToCoordinator;
import dev.trireme.protocol.AgentToCoordinator.RegisterAgent;
import dev.trireme.protocol.CoordinatorToAgent;
import dev.trireme.protocol.akka.CoordinatorInbox;
import dev.trireme.protocol.akka.LocalPlane;
import dev.trireme.worker.agent.CoordinatorLink;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The way to a coordinator in the same process: no network is between them. */
public final class LocalCoordinatorLink implements CoordinatorLink {
  private static final Logger LOG = LoggerFactory.getLogger(LocalCoordinatorLink.class);

  private final LocalPlane plane;
  private ActorRef<Object> agent;
  private boolean closed;

  /**
   * @param plane belongs to the caller
   */
  public LocalCoordinatorLink(LocalPlane plane) {
    this.plane = plane;
  }

  @Override
  public void start(Supplier<RegisterAgent> registration, Consumer<CoordinatorToAgent> commands) {
    plane.coordinator().thenAccept(coordinator -> join(coordinator, registration, commands));
  }

  private synchronized void join(
      ActorRef<CoordinatorInbox> coordinator,
      Supplier<RegisterAgent> registration,
      Consumer<CoordinatorToAgent> commands) {
    if (!closed) {
      agent = plane.join(AgentActor.create(coordinator, registration, commands), "agent");
    }
  }

  @Override
  public synchronized void send(AgentToCoordinator message) {
    if (agent == null) {
      LOG.debug("lost a {}: there is no coordinator yet", message.getClass().getSimpleName());
    } else {
      agent.tell(new AgentActor.Say(message));
    }
  }

  @Override
  public synchronized void close() {
    closed = true;
    if (agent != null) {
      agent.tell(AgentActor.Leave.LEAVE);
    }
  }
}
