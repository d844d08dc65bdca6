package dev.trireme.launcher.rank;

import dev.trireme.allreduce.AbortSwitch;
import dev.trireme.allreduce.AeronProcessGroup;
import dev.trireme.allreduce.GroupConfig;
import dev.trireme.allreduce.group.AlgorithmTable;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.job.JobSpec;
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
  private final JobSpec job;
  private final Thread thread;

  private GroupOpener(GroupConfig config, JobSpec job) {
    this.config = config;
    this.job = job;
    this.thread = new Thread(this::open, "group-opener");
    thread.setDaemon(true);
  }

  /**
   * Begins to meet them.
   *
   * @param job says how all-reduces are done, and so in which order sums are made
   */
  static GroupOpener start(GroupConfig config, JobSpec job) {
    GroupOpener opener = new GroupOpener(config, job);
    opener.thread.start();
    return opener;
  }

  private void open() {
    try {
      group.complete(
          job.train().elastic()
              ? AeronProcessGroup.joinForElasticSums(config, abort)
              : AeronProcessGroup.join(
                  config, AlgorithmTable.of(job.parallel().algorithms()), abort));
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
