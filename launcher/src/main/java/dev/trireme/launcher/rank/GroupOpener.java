package dev.trireme.launcher.rank;

import dev.trireme.allreduce.AbortSwitch;
import dev.trireme.allreduce.AeronProcessGroup;
import dev.trireme.allreduce.GroupConfig;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.ProcessGroup;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/**
 * Meets the other ranks of a formation, on a thread of its own, and can be told at any moment that
 * the formation is over.
 *
 * <p>Threading: {@link #abort} from any thread, the rest from one.
 */
final class GroupOpener implements AutoCloseable {
  private final CompletableFuture<ProcessGroup> group = new CompletableFuture<>();
  private final AbortSwitch abort = new AbortSwitch();
  private final GroupConfig config;
  private final boolean elasticSums;
  private final Thread thread;

  private GroupOpener(GroupConfig config, boolean elasticSums) {
    this.config = config;
    this.elasticSums = elasticSums;
    this.thread = new Thread(this::open, "group-opener");
    thread.setDaemon(true);
  }

  /**
   * Begins to meet them.
   *
   * @param elasticSums whether sums must be the same bits for any number of ranks
   */
  static GroupOpener start(GroupConfig config, boolean elasticSums) {
    GroupOpener opener = new GroupOpener(config, elasticSums);
    opener.thread.start();
    return opener;
  }

  private void open() {
    try {
      group.complete(
          elasticSums
              ? AeronProcessGroup.joinForElasticSums(config, abort)
              : AeronProcessGroup.join(config, Optional.empty(), abort));
    } catch (Throwable e) {
      group.completeExceptionally(e);
    }
  }

  /** Ends the meeting, or the group's collectives where it stands already. Returns at once. */
  void abort(String why) {
    abort.abort(why);
  }

  /**
   * Waits until all ranks have met.
   *
   * @throws CollectiveException when they have not in time, or the formation was aborted
   */
  ProcessGroup await() {
    try {
      return group.join();
    } catch (CompletionException e) {
      if (e.getCause() instanceof RuntimeException refused) {
        throw refused;
      }
      throw e;
    }
  }

  /** Closes the group, whoever has used it. */
  @Override
  public void close() {
    // Where nobody has awaited it, it may still be about to stand.
    if (!group.isDone()) {
      abort.abort("this rank leaves");
    }
    group.handle(
        (there, error) -> {
          if (there != null) {
            there.close();
          }
          return null;
        });
  }
}
