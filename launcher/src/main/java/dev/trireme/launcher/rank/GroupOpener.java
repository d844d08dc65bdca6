package dev.trireme.launcher.rank;

import dev.trireme.allreduce.AbortSwitch;
import dev.trireme.allreduce.AeronProcessGroup;
import dev.trireme.allreduce.Endpoint;
import dev.trireme.allreduce.GroupConfig;
import dev.trireme.allreduce.group.AlgorithmTable;
import dev.trireme.allreduce.nccl.NcclUnavailableException;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.job.JobSpec;
import dev.trireme.api.job.ParallelSpec.BackendKind;
import dev.trireme.protocol.AgentToRank.Contacts;
import dev.trireme.protocol.AgentToRank.Join;
import dev.trireme.protocol.RankReport;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.BiFunction;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * Meets the other ranks of a formation, on a thread of its own, and can be told at any moment that
 * the formation is over.
 *
 * <p>Threading: {@link #abort} and {@link #dealt} from any thread, the rest from one.
 */
final class GroupOpener implements AutoCloseable {
  /** A server waits for as long as workers compute; that they live is seen by other means. */
  private static final Duration PATIENCE = Duration.ofDays(1);

  /** A death is heard of sooner: an agent sees at once that a process has ended. */
  private static final long DEATH_HEARD_MILLIS = 2_000;

  private final CountDownLatch aborted = new CountDownLatch(1);
  private final CompletableFuture<ProcessGroup> group = new CompletableFuture<>();
  private final AbortSwitch abort = new AbortSwitch();
  private final Function<AbortSwitch, ProcessGroup> joining;
  private final Consumer<RankReport> out;
  private final Optional<NcclMeeting> nccl;
  private final NcclRefusal refusal;
  private final NcclEstate estate;
  private final Introduction introduction;
  private final Thread thread;

  private GroupOpener(
      Function<AbortSwitch, ProcessGroup> joining,
      Consumer<RankReport> out,
      Optional<NcclMeeting> nccl,
      NcclRefusal refusal,
      NcclEstate estate,
      Introduction introduction) {
    this.introduction = introduction;
    this.joining = joining;
    this.estate = estate;
    this.out = out;
    this.nccl = nccl;
    this.refusal = refusal;
    this.thread = new Thread(nccl.isPresent() ? this::openNccl : this::openAeron, "group-opener");
    thread.setDaemon(true);
  }

  /**
   * Begins to meet them.
   *
   * @param job says how all-reduces are done, and so in which order sums are made
   * @param join says over what, and whether there is a state to go on with
   * @param librariesLoaded returns once the engine's native libraries are loaded: loading others
   *     beside them would find the wrong ones
   * @param estate what the formation before has left of NCCL, and where this one leaves it
   * @param out takes what the coordinator is to hear
   * @param introduction to ranks of other hosts, in which this group has the last number
   */
  static GroupOpener start(
      GroupConfig config,
      JobSpec job,
      Join join,
      Runnable librariesLoaded,
      NcclEstate estate,
      Consumer<RankReport> out,
      Introduction introduction) {
    AlgorithmTable algorithms = AlgorithmTable.of(job.parallel().algorithms());
    int number = job.parallel().servers() > 0 ? 1 : 0;
    Function<AbortSwitch, ProcessGroup> here =
        abort ->
            job.train().elastic()
                ? AeronProcessGroup.joinForElasticSums(config, abort)
                : AeronProcessGroup.join(config, algorithms, abort);
    Optional<NcclMeeting> nccl =
        join.backing().backend() == BackendKind.NCCL
            ? Optional.of(
                new NcclMeeting(config, NcclEstate.keep(job), estate, librariesLoaded, out))
            : Optional.empty();
    if (nccl.isEmpty()) {
      estate.close();
    }
    GroupOpener opener =
        new GroupOpener(
            config.network().isEmpty()
                ? here
                : acrossHosts(
                    config,
                    introduction,
                    number,
                    (opening, all) ->
                        job.train().elastic()
                            ? opening.joinForElasticSums(all)
                            : opening.join(all, algorithms)),
            out,
            nccl,
            NcclRefusal.of(join),
            estate,
            introduction);
    opener.thread.start();
    return opener;
  }

  /** Begins to meet workers and servers, a group that has the first number in introductions. */
  static GroupOpener startForMessages(GroupConfig config, Introduction introduction) {
    GroupOpener opener =
        new GroupOpener(
            config.network().isEmpty()
                ? abort -> AeronProcessGroup.joinForMessages(config, PATIENCE, abort)
                : acrossHosts(
                    config,
                    introduction,
                    0,
                    (opening, all) -> opening.joinForMessages(all, PATIENCE)),
            report -> {},
            Optional.empty(),
            new NcclRefusal(config.rank(), false, false, false),
            new NcclEstate(),
            introduction);
    opener.thread.start();
    return opener;
  }

  private static Function<AbortSwitch, ProcessGroup> acrossHosts(
      GroupConfig config,
      Introduction introduction,
      int number,
      BiFunction<AeronProcessGroup.Opening, List<Endpoint>, ProcessGroup> joining) {
    return abort -> {
      try (AeronProcessGroup.Opening opening = AeronProcessGroup.open(config, abort)) {
        List<Endpoint> all = introduction.meet(number, opening.endpoint(), config.worldSize());
        return joining.apply(opening, all);
      }
    };
  }

  private void openAeron() {
    try {
      group.complete(joining.apply(abort));
    } catch (Throwable e) {
      group.completeExceptionally(e);
    }
  }

  private void openNccl() {
    try {
      group.complete(nccl.orElseThrow().join(abort));
    } catch (NcclUnavailableException e) {
      group.completeExceptionally(refused(e));
    } catch (Throwable e) {
      group.completeExceptionally(e);
    }
  }

  private CollectiveException refused(NcclUnavailableException e) {
    if (e.reason() == NcclUnavailableException.Reason.OTHER && isAbortedSoon()) {
      return aborted(abort.reason().orElse(e.getMessage()));
    }
    Optional<CollectiveException> own = refusal.own(e);
    if (own.isEmpty()) {
      out.accept(new RankReport.BackendRefused(e.getMessage()));
    }
    return own.orElseGet(() -> aborted(e.getMessage()));
  }

  private static CollectiveException aborted(String why) {
    return new CollectiveException(CollectiveException.Cause.ABORTED, -1, why);
  }

  /** Where a peer has died, NCCL may well fail with an error that does not say so. */
  private boolean isAbortedSoon() {
    try {
      return aborted.await(DEATH_HEARD_MILLIS, TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  /** What all ranks have said to each other. */
  void dealt(Contacts contacts) {
    nccl.ifPresent(n -> n.dealt(contacts));
    introduction.dealt(contacts);
  }

  /** Ends the meeting, or the group's collectives where it stands already. Returns at once. */
  void abort(String why) {
    nccl.ifPresent(n -> n.abort(why));
    introduction.abort(why);
    abort.abort(why);
    aborted.countDown();
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
      abort("this rank leaves");
    }
    group.handle(
        (there, error) -> {
          if (there != null) {
            estate.take(there);
          }
          return null;
        });
  }
}
