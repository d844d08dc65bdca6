package dev.trireme.launcher.rank;

import dev.trireme.allreduce.AbortSwitch;
import dev.trireme.allreduce.AeronProcessGroup;
import dev.trireme.allreduce.Endpoint;
import dev.trireme.allreduce.GroupConfig;
import dev.trireme.allreduce.nccl.Nccl;
import dev.trireme.allreduce.nccl.NcclClaim;
import dev.trireme.allreduce.nccl.NcclConfig;
import dev.trireme.allreduce.nccl.NcclProcessGroup;
import dev.trireme.allreduce.nccl.NcclUniqueId;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.tensor.Device;
import dev.trireme.protocol.AgentToRank.Contacts;
import dev.trireme.protocol.RankReport;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How ranks meet over NCCL: rank 0 makes a unique id, which the coordinator deals to all once every
 * rank has said that its libraries are there; then all join with it. Where they are what is left of
 * a formation that failed, and each still has its part of it, they go on with that instead ({@link
 * NcclClaim#left}); all see the same contacts, and so decide alike.
 *
 * <p>NCCL has no messages with tags. The group gets a companion for them, over Aeron between the
 * hosts' memories, as a job without NCCL has for everything; it costs nothing while nobody uses it
 * but its streams and some milliseconds of the meeting.
 *
 * <p>Threading: {@link #join} blocks one thread; the rest from any.
 */
final class NcclMeeting {
  private static final Logger LOG = LoggerFactory.getLogger(NcclMeeting.class);

  /**
   * The coordinator gives up a rank that is silent for as long as a collective may take; this is
   * for the case that the coordinator itself has gone.
   */
  private static final Duration CONTACTS_DEADLINE = Duration.ofMinutes(15);

  /**
   * For tests, in which nobody shows processes the devices of a library that stands in for CUDA.
   */
  private static final String TEST_DEVICE_PER_RANK = "trireme.test.ncclDevicePerRank";

  private final GroupConfig config;
  private final Duration keep;
  private final NcclEstate estate;
  private final Runnable librariesLoaded;
  private final Consumer<RankReport> out;
  private final AbortSwitch companionAbort = new AbortSwitch();
  private final CompletableFuture<Contacts> contacts = new CompletableFuture<>();

  /**
   * @param keep how long the group is to keep what an abort leaves of it
   * @param estate what the formation before has left
   */
  NcclMeeting(
      GroupConfig config,
      Duration keep,
      NcclEstate estate,
      Runnable librariesLoaded,
      Consumer<RankReport> out) {
    this.config = config;
    this.keep = keep;
    this.estate = estate;
    this.librariesLoaded = librariesLoaded;
    this.out = out;
  }

  void dealt(Contacts all) {
    contacts.complete(all);
  }

  void abort(String why) {
    contacts.completeExceptionally(
        new CollectiveException(CollectiveException.Cause.ABORTED, -1, why));
    companionAbort.abort(why);
  }

  /**
   * Meets the others.
   *
   * @throws dev.trireme.allreduce.nccl.NcclUnavailableException when NCCL cannot be used here
   * @throws CollectiveException when the others do not come, or the formation was aborted
   */
  ProcessGroup join(AbortSwitch abort) throws InterruptedException {
    Optional<AeronProcessGroup.Opening> opening = Optional.empty();
    try {
      librariesLoaded.run();
      Nccl.load();
      if (config.network().isPresent()) {
        opening = Optional.of(AeronProcessGroup.open(config, companionAbort));
      }
      // Where it turns out that nobody needs it, a thread of NCCL's waits for ever: a small price.
      Optional<NcclUniqueId> id =
          config.rank() == 0 ? Optional.of(NcclUniqueId.create()) : Optional.empty();
      Optional<Endpoint> own = opening.map(AeronProcessGroup.Opening::endpoint);
      out.accept(new RankReport.Contact(new NcclContact(id, estate.claim(), own).text()));
      List<NcclContact> all = await().contacts().stream().map(NcclContact::parse).toList();
      ProcessGroup companion = companion(opening, all);
      try {
        return join(all, abort, companion);
      } catch (RuntimeException e) {
        companion.close();
        throw e;
      }
    } finally {
      opening.ifPresent(AeronProcessGroup.Opening::close);
      estate.close();
    }
  }

  private ProcessGroup companion(
      Optional<AeronProcessGroup.Opening> opening, List<NcclContact> all) {
    if (opening.isEmpty()) {
      return AeronProcessGroup.join(config, Optional.empty(), companionAbort);
    }
    List<Endpoint> endpoints = all.stream().map(c -> c.endpoint().orElseThrow()).toList();
    return opening.get().join(endpoints, Optional.empty());
  }

  private ProcessGroup join(List<NcclContact> all, AbortSwitch abort, ProcessGroup companion) {
    NcclConfig own =
        new NcclConfig(
            config.rank(),
            config.worldSize(),
            config.generation(),
            new Device(Device.Kind.CUDA, device()),
            all.get(0).id().orElseThrow(),
            config.timeout(),
            keep,
            true);
    Optional<List<Integer>> left = NcclClaim.left(all.stream().map(NcclContact::claim).toList());
    if (left.isPresent()) {
      LOG.info(
          "goes on with the communicator of generation {} without its ranks {}",
          estate.claim().map(NcclClaim::generation).orElseThrow(),
          left.get());
      Optional<NcclProcessGroup> made =
          NcclProcessGroup.joinWithout(
              estate.handOver().orElseThrow(), left.get(), own, abort, companion);
      if (made.isPresent()) {
        return made.get();
      }
      LOG.warn("not all ranks could go on with it: they meet with a new id");
    }
    estate.close();
    return NcclProcessGroup.join(own, abort, Optional.of(companion));
  }

  /** The agent shows each process one device, so it is the first that there is. */
  private int device() {
    return Boolean.getBoolean(TEST_DEVICE_PER_RANK) ? config.rank() : 0;
  }

  private Contacts await() throws InterruptedException {
    try {
      return contacts.get(CONTACTS_DEADLINE.toSeconds(), TimeUnit.SECONDS);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof CollectiveException over) {
        throw over;
      }
      throw new IllegalStateException(e.getCause());
    } catch (TimeoutException e) {
      throw new CollectiveException(
          CollectiveException.Cause.DEADLINE,
          -1,
          "generation "
              + config.generation()
              + ": the coordinator has not dealt the ranks' contacts within "
              + CONTACTS_DEADLINE.toSeconds()
              + " s");
    }
  }
}
