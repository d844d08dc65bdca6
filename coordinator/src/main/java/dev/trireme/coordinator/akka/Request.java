package dev.trireme.coordinator.akka;

import dev.trireme.coordinator.NotActiveException;
import dev.trireme.coordinator.control.JobControl;
import dev.trireme.protocol.akka.CoordinatorInbox;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;

/**
 * Something asked of the coordinator within its own process.
 *
 * @param work done on the coordinator's thread
 * @param answer completed with what it returns or throws
 */
record Request<T>(Function<JobControl, T> work, CompletableFuture<T> answer)
    implements CoordinatorInbox {
  void serve(JobControl control) {
    try {
      answer.complete(work.apply(control));
    } catch (NotActiveException e) {
      answer.completeExceptionally(e);
      throw e;
    } catch (RuntimeException e) {
      answer.completeExceptionally(e);
    }
  }
}
