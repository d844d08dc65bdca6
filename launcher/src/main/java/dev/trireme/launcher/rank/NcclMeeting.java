package dev.trireme.launcher.rank;

import dev.trireme.allreduce.AbortSwitch;
import dev.trireme.allreduce.GroupConfig;
import dev.trireme.allreduce.nccl.Nccl;
import dev.trireme.allreduce.nccl.NcclConfig;
import dev.trireme.allreduce.nccl.NcclProcessGroup;
import dev.trireme.allreduce.nccl.NcclUniqueId;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.tensor.Device;
import dev.trireme.protocol.AgentToRank.Contacts;
import dev.trireme.protocol.RankReport;
import java.time.Duration;
import java.util.HexFormat;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;

/**
 * How ranks meet over NCCL: rank 0 makes a unique id, which the coordinator deals to all once every
 * rank has said that its libraries are there; then all join with it.
 *
 * <p>Threading: {@link #join} blocks one thread; the rest from any.
 */
final class NcclMeeting {
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
  private final Runnable librariesLoaded;
  private final Consumer<RankReport> out;
  private final CompletableFuture<Contacts> contacts = new CompletableFuture<>();

  NcclMeeting(GroupConfig config, Runnable librariesLoaded, Consumer<RankReport> out) {
    this.config = config;
    this.librariesLoaded = librariesLoaded;
    this.out = out;
  }

  void dealt(Contacts all) {
    contacts.complete(all);
  }

  void abort(String why) {
    contacts.completeExceptionally(
        new CollectiveException(CollectiveException.Cause.ABORTED, -1, why));
  }

  /**
   * Meets the others.
   *
   * @throws dev.trireme.allreduce.nccl.NcclUnavailableException when NCCL cannot be used here
   * @throws CollectiveException when the others do not come, or the formation was aborted
   */
  ProcessGroup join(AbortSwitch abort) throws InterruptedException {
    librariesLoaded.run();
    Nccl.load();
    HexFormat hex = HexFormat.of();
    boolean first = config.rank() == 0;
    out.accept(new RankReport.Contact(first ? hex.formatHex(NcclUniqueId.create().bytes()) : ""));
    byte[] id = hex.parseHex(await().contacts().get(0));
    return NcclProcessGroup.join(
        new NcclConfig(
            config.rank(),
            config.worldSize(),
            config.generation(),
            new Device(Device.Kind.CUDA, device()),
            new NcclUniqueId(id),
            config.timeout()),
        abort,
        Optional.empty());
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
