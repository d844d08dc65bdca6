package dev.trireme.launcher.rank;

import dev.trireme.allreduce.nccl.NcclClaim;
import dev.trireme.allreduce.nccl.NcclProcessGroup;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.job.JobSpec;
import java.time.Duration;
import java.util.Optional;

/**
 * What the last formation has left of NCCL in this process, until it is clear whether the next one
 * makes its communicator of it. Only jobs whose number of ranks may change keep anything: another's
 * formations are never what is left of the one before. What is kept ends by itself soon enough.
 *
 * <p>Threading: any.
 */
final class NcclEstate implements AutoCloseable {
  /**
   * A formation of those that are left is there sooner, or waits for a new process. Meanwhile what
   * is stuck on the device stays so, and memory of the device cannot be freed.
   */
  private static final Duration KEEP = Duration.ofSeconds(5);

  /** {@code -Dtrireme.nccl.shrink=false} in a rank's JVM: each formation meets with a new id. */
  private static final boolean WANTED =
      Boolean.parseBoolean(System.getProperty("trireme.nccl.shrink", "true"));

  private Optional<NcclProcessGroup> kept = Optional.empty();
  private Optional<NcclClaim> claim = Optional.empty();

  /** How long a group of this job is to keep what an abort leaves of it. */
  static Duration keep(JobSpec job) {
    boolean changes = job.parallel().workers().min() < job.parallel().workers().max();
    return changes && WANTED ? KEEP : Duration.ZERO;
  }

  /** Takes a group that is over: keeps what can be claimed, and closes anything else. */
  synchronized void take(ProcessGroup group) {
    close();
    if (group instanceof NcclProcessGroup over) {
      claim = over.claim();
      if (claim.isPresent()) {
        kept = Optional.of(over);
        return;
      }
    }
    group.close();
  }

  /** What this process may say that it has. */
  synchronized Optional<NcclClaim> claim() {
    return claim;
  }

  /** Hands over the group that was claimed; whoever asks closes it. */
  synchronized Optional<NcclProcessGroup> handOver() {
    Optional<NcclProcessGroup> given = kept;
    kept = Optional.empty();
    claim = Optional.empty();
    return given;
  }

  /** Ends what is kept; repeats are ignored. */
  @Override
  public synchronized void close() {
    handOver().ifPresent(NcclProcessGroup::close);
  }
}
