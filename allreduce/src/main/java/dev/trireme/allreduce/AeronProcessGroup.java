package dev.trireme.allreduce;

import dev.trireme.allreduce.group.AllReduceAlgorithm;
import dev.trireme.allreduce.group.SharedGroup;
import dev.trireme.allreduce.transport.AeronTransport;
import dev.trireme.api.collective.ProcessGroup;
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
   * Joins as {@link #join(GroupConfig)} does. Sums are associated as {@link
   * dev.trireme.allreduce.plan.RankTree} says: they are the same bits for any number of ranks where
   * each brings the sum of its part of a {@link dev.trireme.api.train.ShardTree}.
   */
  public static ProcessGroup joinForElasticSums(GroupConfig config) {
    return join(config, Optional.of(AllReduceAlgorithm.TREE));
  }

  /**
   * The same with one algorithm for every all-reduce that it can do; for measurements.
   *
   * @param algorithm the same on all ranks; chosen by size when empty
   */
  public static ProcessGroup join(GroupConfig config, Optional<AllReduceAlgorithm> algorithm) {
    if (config.worldSize() == 1) {
      return new LocalProcessGroup(config.generation());
    }
    return SharedGroup.over(
        AeronTransport.connect(config), config.generation(), config.timeout(), algorithm);
  }
}
