package dev.trireme.coordinator.store;

import dev.trireme.protocol.StoreMessage;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;

/** The other coordinators of a cluster, each with a {@link Replica}. */
public interface Peers {
  /** How many others there are, whether they can be reached or not. */
  int count();

  /** How many of them are in one cluster with this one: others may answer and be in another. */
  default int joined() {
    return count();
  }

  /** Asks one of them, 0 to count - 1; fails within seconds when no answer comes. Any thread. */
  CompletableFuture<StoreMessage> ask(int peer, StoreMessage question);

  /** Asks all of them. */
  default List<CompletableFuture<StoreMessage>> askAll(StoreMessage question) {
    return IntStream.range(0, count()).mapToObj(i -> ask(i, question)).toList();
  }
}
