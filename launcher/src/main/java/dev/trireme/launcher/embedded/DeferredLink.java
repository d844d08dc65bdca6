package dev.trireme.launcher.embedded;

import dev.trireme.protocol.AgentToCoordinator;
import dev.trireme.protocol.AgentToCoordinator.RegisterAgent;
import dev.trireme.protocol.CoordinatorToAgent;
import dev.trireme.worker.agent.CoordinatorLink;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * An agent's link to a coordinator whose address is not known yet. So the agent can start its media
 * driver and its rank processes first, and these load while the coordinator comes up.
 */
final class DeferredLink implements CoordinatorLink {
  private final CompletableFuture<CoordinatorLink> link = new CompletableFuture<>();
  private Supplier<RegisterAgent> registration;
  private Consumer<CoordinatorToAgent> commands;

  @Override
  public synchronized void start(
      Supplier<RegisterAgent> registration, Consumer<CoordinatorToAgent> commands) {
    this.registration = registration;
    this.commands = commands;
  }

  /** Starts the true link, which belongs to this one from now on. Called after {@link #start}. */
  synchronized void connect(CoordinatorLink trueLink) {
    trueLink.start(registration, commands);
    link.complete(trueLink);
  }

  /** Until there is a link, nothing has been commanded, so there is nothing to report. */
  @Override
  public void send(AgentToCoordinator message) {
    CoordinatorLink to = link.getNow(null);
    if (to != null) {
      to.send(message);
    }
  }

  @Override
  public void close() {
    CoordinatorLink to = link.getNow(null);
    if (to != null) {
      to.close();
    }
  }
}
