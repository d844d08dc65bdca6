package dev.trireme.allreduce;

import dev.trireme.allreduce.group.AlgorithmTable;
import dev.trireme.allreduce.group.AllReduceAlgorithm;
import dev.trireme.allreduce.group.RecordedOperation;
import dev.trireme.allreduce.group.SharedGroup;
import dev.trireme.allreduce.kernel.Reductions;
import dev.trireme.allreduce.transport.AeronTransport;
import dev.trireme.allreduce.transport.Losses;
import dev.trireme.allreduce.transport.TransportOpening;
import dev.trireme.api.collective.ProcessGroup;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * The process group of rank processes, through the Aeron media driver of each host. Ranks of one
 * host {@link #join} each other; ranks of several hosts {@link #open} first, then exchange their
 * {@link Endpoint}s through whoever forms the group, and join with all of them.
 */
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
   * Joins as {@link #join(GroupConfig, Optional, AbortSwitch)} does. Sums are associated as {@link
   * dev.trireme.allreduce.plan.TreeAllReduce} says: they are the same bits for any number of ranks
   * where each brings the sum of its part of a {@link dev.trireme.api.train.ShardTree}.
   */
  public static ProcessGroup joinForElasticSums(GroupConfig config, AbortSwitch abort) {
    return join(config, Optional.of(AllReduceAlgorithm.TREE), abort);
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
    return join(config, AlgorithmTable.forced(algorithm), abort);
  }

  /**
   * The same with a table.
   *
   * @param algorithms how all-reduces are done, the same on all ranks
   */
  public static ProcessGroup join(
      GroupConfig config, AlgorithmTable algorithms, AbortSwitch abort) {
    if (config.worldSize() == 1) {
      ProcessGroup local = new LocalProcessGroup(config.generation());
      abort.tell(local::abort);
      return local;
    }
    if (config.network().isPresent()) {
      throw new IllegalArgumentException(
          "ranks of several hosts need each other's endpoints: open, exchange them, then join");
    }
    return SharedGroup.over(
        connect(config, abort), config.generation(), config.timeout(), algorithms, abort);
  }

  /**
   * Joins as {@link #join(GroupConfig)} does, for ranks that mostly wait for each other's messages:
   * joining has the config's deadline, the operations then have this one. That a peer is dead or
   * frozen is seen as soon as ever.
   *
   * @param patience the deadline of every operation
   * @param abort for this group alone
   */
  public static ProcessGroup joinForMessages(
      GroupConfig config, Duration patience, AbortSwitch abort) {
    return SharedGroup.over(
        connect(config, abort),
        config.generation(),
        patience,
        AlgorithmTable.forced(Optional.empty()),
        abort);
  }

  /** No peer is to wait for kernels that load. */
  private static AeronTransport connect(GroupConfig config, AbortSwitch abort) {
    Reductions.load();
    return TransportOpening.connect(config, abort);
  }

  /**
   * The last operations of a group, the oldest first; empty for a local group of one rank, which
   * has nothing to wait for. May be asked at any time, also after a failure.
   */
  public static List<RecordedOperation> recentOperations(ProcessGroup group) {
    return group instanceof RecordedGroup recorded ? recorded.recentOperations() : List.of();
  }

  /**
   * Opens this rank's port, which the system chooses.
   *
   * <p>Blocking: up to 10 seconds, for the media driver.
   *
   * @param config with a network
   * @throws dev.trireme.api.collective.CollectiveException when the media driver does not answer
   */
  public static Opening open(GroupConfig config) {
    return open(config, Losses.NONE);
  }

  /** The same with datagrams to and from other hosts that are lost; for tests. */
  public static Opening open(GroupConfig config, Losses losses) {
    return open(config, losses, new AbortSwitch());
  }

  /**
   * The same with a switch that ends joining, and later the group, from another thread.
   *
   * @param abort for this group alone
   */
  public static Opening open(GroupConfig config, AbortSwitch abort) {
    return open(config, Losses.NONE, abort);
  }

  private static Opening open(GroupConfig config, Losses losses, AbortSwitch abort) {
    Reductions.load();
    return new Opening(config, TransportOpening.open(config, losses, abort), abort);
  }

  /**
   * A rank that listens and has not joined yet.
   *
   * <p>Threading: one thread at a time.
   */
  public static final class Opening implements AutoCloseable {
    private final GroupConfig config;
    private final TransportOpening port;
    private final AbortSwitch abort;
    private boolean joined;

    private Opening(GroupConfig config, TransportOpening port, AbortSwitch abort) {
      this.config = config;
      this.port = port;
      this.abort = abort;
    }

    /** Where this rank listens: what its peers must be told. */
    public Endpoint endpoint() {
      return port.endpoint();
    }

    /**
     * As {@link AeronProcessGroup#join(GroupConfig, Optional)}, with the endpoints of all ranks, in
     * order of rank. The port belongs to the group from then on, and is closed if that fails.
     */
    public ProcessGroup join(List<Endpoint> all, Optional<AllReduceAlgorithm> algorithm) {
      return join(all, AlgorithmTable.forced(algorithm));
    }

    /** As {@link AeronProcessGroup#joinForElasticSums}. */
    public ProcessGroup joinForElasticSums(List<Endpoint> all) {
      return join(all, Optional.of(AllReduceAlgorithm.TREE));
    }

    /** As {@link AeronProcessGroup#joinForMessages}. */
    public ProcessGroup joinForMessages(List<Endpoint> all, Duration patience) {
      return join(all, AlgorithmTable.forced(Optional.empty()), patience);
    }

    /** As {@link AeronProcessGroup#join(GroupConfig, AlgorithmTable, AbortSwitch)}. */
    public ProcessGroup join(List<Endpoint> all, AlgorithmTable algorithms) {
      return join(all, algorithms, config.timeout());
    }

    private ProcessGroup join(List<Endpoint> all, AlgorithmTable algorithms, Duration deadline) {
      joined = true;
      if (config.worldSize() == 1) {
        port.close();
        ProcessGroup local = new LocalProcessGroup(config.generation());
        abort.tell(local::abort);
        return local;
      }
      return SharedGroup.over(port.meet(all), config.generation(), deadline, algorithms, abort);
    }

    /** Closes the port if nobody joined; else does nothing. */
    @Override
    public void close() {
      if (!joined) {
        port.close();
      }
    }
  }
}
