package dev.trireme.coordinator.akka;

import akka.actor.ActorSelection;
import akka.actor.typed.ActorSystem;
import akka.actor.typed.javadsl.Adapter;
import akka.pattern.Patterns;
import dev.trireme.coordinator.CoordinatorConfig;
import dev.trireme.coordinator.store.Peers;
import dev.trireme.protocol.StoreMessage;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** The other coordinators' {@link StoreActor}s. */
final class AkkaPeers implements Peers {
  private static final Duration DEADLINE = Duration.ofSeconds(3);

  private final List<ActorSelection> others;

  private AkkaPeers(List<ActorSelection> others) {
    this.others = others;
  }

  static AkkaPeers of(ActorSystem<?> system, CoordinatorConfig config) {
    String self = config.host() + ":" + config.port();
    return new AkkaPeers(
        config.coordinators().stream()
            .filter(address -> !address.equals(self))
            .map(address -> Founding.address(address) + "/system/" + StoreActor.NAME)
            .map(path -> Adapter.toClassic(system).actorSelection(path))
            .toList());
  }

  @Override
  public int count() {
    return others.size();
  }

  @Override
  public CompletableFuture<StoreMessage> ask(int peer, StoreMessage question) {
    return Patterns.ask(others.get(peer), question, DEADLINE)
        .thenApply(StoreMessage.class::cast)
        .toCompletableFuture();
  }
}
