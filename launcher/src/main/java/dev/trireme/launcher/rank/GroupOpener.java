package dev.trireme.launcher.rank;

import dev.trireme.allreduce.AbortSwitch;
import dev.trireme.allreduce.AeronProcessGroup;
import dev.trireme.allreduce.GroupConfig;
import dev.trireme.allreduce.group.AlgorithmTable;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.job.JobSpec;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Function;

/**
 * Meets the other ranks of a formation, on a thread of its own, and can be told at any moment that
 * the formation is over.
 *
 * <p>Threading: {@link #abort} from any thread, the rest from one.
 */
final class GroupOpener implements AutoCloseable {
  /** A server waits for as long as workers compute; that they live is seen by other means. */
  private static final Duration PATIENCE = Duration.ofDays(1);

  private final CompletableFuture<ProcessGroup> group = new CompletableFuture<>();
  private final AbortSwitch abort = new AbortSwitch();
  private final Function<AbortSwitch, ProcessGroup> joining;
  private final Thread thread;

  private GroupOpener(Function<AbortSwitch, ProcessGroup> joining) {
    this.joining = joining;
    this.thread = new Thread(this::open, "group-opener");
    thread.setDaemon(true);
  }

  /**
   * Begins to meet them.
   *
   * @param job says how all-reduces are done, and so in which order sums are made
   */
  static GroupOpener start(GroupConfig config, JobSpec job) {
    return start(
        abort ->
            job.train().elastic()
                ? AeronProcessGroup.joinForElasticSums(config, abort)
                : AeronProcessGroup.join(
                    config, AlgorithmTable.of(job.parallel().algorithms()), abort));
  }

  /** Begins to meet workers and servers. */
  static GroupOpener startForMessages(GroupConfig config) {
    return start(abort -> AeronProcessGroup.joinForMessages(config, PATIENCE, abort));
  }

  private static GroupOpener start(Function<AbortSwitch, ProcessGroup> joining) {
    GroupOpener opener = new GroupOpener(joining);
    opener.thread.start();
    return opener;
  }

  private void open() {
    try {
      group.complete(joining.apply(abort));
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
