package dev.trireme.coordinator.store;

import dev.trireme.coordinator.CoordinatorException;
import dev.trireme.protocol.StoreMessage;
import dev.trireme.protocol.StoreMessage.Confirm;
import dev.trireme.protocol.StoreMessage.Fetch;
import dev.trireme.protocol.StoreMessage.Fetched;
import dev.trireme.protocol.StoreMessage.Forget;
import dev.trireme.protocol.StoreMessage.Head;
import dev.trireme.protocol.StoreMessage.Keep;
import dev.trireme.protocol.StoreMessage.Kept;
import dev.trireme.protocol.StoreMessage.Prepare;
import dev.trireme.protocol.StoreMessage.Promised;
import java.util.List;

/**
 * Answers other coordinators from this one's disk, so that whoever is active can make a job durable
 * on a majority of them.
 *
 * <p>Threading: one thread. Blocks as long as the disk takes.
 */
public final class Replica {
  private final LocalStore store;

  /**
   * @param store belongs to the caller
   */
  public Replica(LocalStore store) {
    this.store = store;
  }

  /**
   * The answer to a question.
   *
   * @throws CoordinatorException when the disk fails; whoever asks gets no answer then
   */
  public StoreMessage answer(StoreMessage question) {
    if (question instanceof Prepare prepare) {
      boolean granted = store.promise(prepare.term());
      List<Head> jobs =
          granted
              ? store.jobs().stream().map(j -> new Head(j.jobId(), j.term(), j.version())).toList()
              : List.of();
      return new Promised(granted, store.term(), jobs);
    } else if (question instanceof Fetch fetch) {
      return new Fetched(store.job(fetch.jobId()));
    } else if (question instanceof Keep keep) {
      return inTerm(keep.term(), () -> store.put(keep.job()));
    } else if (question instanceof Confirm confirm) {
      return inTerm(confirm.term(), () -> {});
    } else if (question instanceof Forget forget) {
      return inTerm(forget.term(), () -> store.remove(forget.jobId()));
    }
    throw new IllegalArgumentException("expected a question, found " + question);
  }

  private Kept inTerm(long term, Runnable change) {
    if (term < store.term()) {
      return new Kept("term " + store.term() + " has been promised to another coordinator");
    }
    change.run();
    return new Kept("");
  }
}
