package dev.trireme.coordinator.akka;

import akka.actor.AbstractActor;
import akka.actor.ExtendedActorSystem;
import akka.actor.Props;
import akka.actor.typed.ActorSystem;
import akka.actor.typed.javadsl.Adapter;
import dev.trireme.coordinator.CoordinatorException;
import dev.trireme.coordinator.store.LocalStore;
import dev.trireme.coordinator.store.Replica;
import dev.trireme.protocol.StoreMessage;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Gives a {@link Replica} a thread and an address. An actor of the older kind, for those know who
 * asked without its address in the message.
 */
final class StoreActor extends AbstractActor {
  static final String NAME = "trireme-store";

  private static final Logger LOG = LoggerFactory.getLogger(StoreActor.class);

  private final Replica replica;

  private StoreActor(LocalStore store) {
    this.replica = new Replica(store);
  }

  static void start(ActorSystem<?> system, LocalStore store, String dispatcher) {
    ((ExtendedActorSystem) Adapter.toClassic(system))
        .systemActorOf(
            Props.create(StoreActor.class, () -> new StoreActor(store)).withDispatcher(dispatcher),
            NAME);
  }

  @Override
  public Receive createReceive() {
    return receiveBuilder().match(StoreMessage.class, this::onQuestion).build();
  }

  private void onQuestion(StoreMessage question) {
    try {
      getSender().tell(replica.answer(question), getSelf());
    } catch (CoordinatorException | IllegalArgumentException e) {
      LOG.error("no answer to another coordinator: {}", e.getMessage());
    }
  }
}
