package dev.trireme.launcher.cluster;

import dev.trireme.protocol.AgentToCoordinator;
import dev.trireme.protocol.AgentToCoordinator.RegisterAgent;
import dev.trireme.protocol.CoordinatorToAgent;
import dev.trireme.protocol.CoordinatorToAgent.AgentAccepted;
import dev.trireme.worker.agent.CoordinatorLink;
import dev.trireme.worker.agent.akka.AkkaCoordinatorLink;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Supplier;

/** An agent's link that remembers when a coordinator last accepted the agent. */
final class WatchedLink implements CoordinatorLink {
  /** Three registrations in a row without an answer. */
  private static final Duration STALE = Duration.ofSeconds(15);

  private final AkkaCoordinatorLink link;
  private volatile Optional<Long> acceptedAt = Optional.empty();

  WatchedLink(AkkaCoordinatorLink link) {
    this.link = link;
  }

  @Override
  public void start(Supplier<RegisterAgent> registration, Consumer<CoordinatorToAgent> commands) {
    link.start(
        registration,
        command -> {
          if (command instanceof AgentAccepted) {
            acceptedAt = Optional.of(System.nanoTime());
          }
          commands.accept(command);
        });
  }

  @Override
  public void send(AgentToCoordinator message) {
    link.send(message);
  }

  /** Empty while a coordinator answers. */
  Optional<String> whyNotAccepted() {
    if (acceptedAt.isEmpty()) {
      return Optional.of("no coordinator has accepted this agent yet");
    }
    long silent = System.nanoTime() - acceptedAt.get();
    return silent < STALE.toNanos()
        ? Optional.empty()
        : Optional.of("no coordinator has answered for " + silent / 1_000_000_000 + " s");
  }

  @Override
  public void close() {
    link.close();
  }
}
