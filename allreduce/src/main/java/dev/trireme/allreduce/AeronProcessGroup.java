package dev.trireme.allreduce;

import dev.trireme.allreduce.group.AllReduceAlgorithm;
import dev.trireme.allreduce.group.RecordedOperation;
import dev.trireme.allreduce.group.SharedGroup;
import dev.trireme.allreduce.transport.AeronTransport;
import dev.trireme.api.collective.ProcessGroup;
import java.util.List;
import java.util.Optional;

/** The process group of the rank processes of one host, through the host's Aeron media driver. */
public final class AeronProcessGroup {
  private AeronProcessGroup() {}

  /**
   * Joins this process to its formation. A formation of one rank needs neither driver nor shared
   * memory.
   *
   * <p>Blocking: until every rank has joined or {@link GroupConfig#timeout} has passed; an
   * interrupt ends it too. Retry: safe with the same config, if no rank of the formation has joined
   * yet.
   *
   * @throws dev.trireme.api.collective.CollectiveException when the media driver does not answer or
   *     ranks do not show up in time; the verdict names them all
   * @throws IllegalStateException when the shared directory cannot be used or has no room
   */
  public static ProcessGroup join(GroupConfig config) {
    return join(config, Optional.empty());
  }

  /**
   * The same with one algorithm for every all-reduce that it can do; for measurements.
   *
   * @param algorithm the same on all ranks; chosen by size when empty
   */
  public static ProcessGroup join(GroupConfig config, Optional<AllReduceAlgorithm> algorithm) {
    return join(config, algorithm, new AbortSwitch());
  }

  /**
   * The same with a switch that ends joining, and later the group, from another thread.
   *
   * @param abort for this group alone
   */
  public static ProcessGroup join(
      GroupConfig config, Optional<AllReduceAlgorithm> algorithm, AbortSwitch abort) {
    if (config.worldSize() == 1) {
      ProcessGroup local = new LocalProcessGroup(config.generation());
      abort.tell(local::abort);
      return local;
    }
    return SharedGroup.over(
        AeronTransport.connect(config, abort),
        config.generation(),
        config.timeout(),
        algorithm,
        abort);
  }

  /**
   * The last operations of a group that this class has made, the oldest first; empty for a group of
   * one rank, which has nothing to wait for. May be asked at any time, also after a failure.
   */
  public static List<RecordedOperation> recentOperations(ProcessGroup group) {
    return group instanceof SharedGroup shared ? shared.recentOperations() : List.of();
  }
}
