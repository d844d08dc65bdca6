package dev.trireme.coordinator.akka;

import akka.actor.ActorSelection;
import akka.actor.Address;
import akka.actor.typed.ActorSystem;
import akka.actor.typed.javadsl.Adapter;
import akka.cluster.Member;
import akka.cluster.MemberStatus;
import akka.cluster.typed.Cluster;
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

  private final Cluster cluster;
  private final List<Address> addresses;
  private final List<ActorSelection> others;

  private AkkaPeers(Cluster cluster, List<Address> addresses, List<ActorSelection> others) {
    this.cluster = cluster;
    this.addresses = addresses;
    this.others = others;
  }

  static AkkaPeers of(ActorSystem<?> system, CoordinatorConfig config) {
    String self = config.host() + ":" + config.port();
    List<Address> addresses =
        config.coordinators().stream()
            .filter(address -> !address.equals(self))
            .map(Founding::address)
            .toList();
    return new AkkaPeers(
        Cluster.get(system),
        addresses,
        addresses.stream()
            .map(address -> address + "/system/" + StoreActor.NAME)
            .map(path -> Adapter.toClassic(system).actorSelection(path))
            .toList());
  }

  @Override
  public int count() {
    return others.size();
  }

  /** An answer alone could come from a cluster of its own, with another active one. */
  @Override
  public int joined() {
    int joined = 0;
    for (Member member : cluster.state().getMembers()) {
      boolean up = member.status() == MemberStatus.up();
      joined += up && addresses.contains(member.address()) ? 1 : 0;
    }
    return joined;
  }

  @Override
  public CompletableFuture<StoreMessage> ask(int peer, StoreMessage question) {
    return Patterns.ask(others.get(peer), question, DEADLINE)
        .thenApply(StoreMessage.class::cast)
        .toCompletableFuture();
  }
}
