package dev.trireme.allreduce.group;

import dev.trireme.allreduce.plan.HalvingDoublingAllReduce;
import dev.trireme.allreduce.plan.HostsAllReduce;
import dev.trireme.allreduce.plan.OwnerAllReduce;
import dev.trireme.allreduce.plan.RingAllReduce;
import dev.trireme.allreduce.plan.Step;
import dev.trireme.allreduce.plan.TreeAllReduce;
import dev.trireme.api.job.AlgorithmRow;
import java.util.List;

/**
 * How an all-reduce is done. All ranks choose alike, for the choice decides the order of sums and
 * so the bits.
 */
public enum AllReduceAlgorithm {
  /**
   * Every rank reads every rank's elements and adds them up itself, see {@link DirectAllReduce}.
   */
  DIRECT,
  /** See {@link OwnerAllReduce}. */
  OWNER,
  /** See {@link RingAllReduce}. */
  RING,
  /** See {@link HalvingDoublingAllReduce}. */
  HALVING_DOUBLING,
  /** See {@link TreeAllReduce}. */
  TREE;

  /** Bytes up to which a rank's elements fit into its slot for direct all-reduces. */
  public static final int DIRECT_BYTES = AlgorithmRow.DIRECT_BYTES;

  /**
   * The same between hosts, where a step costs more than the bytes (measured: half of the owner's
   * time at 16 KiB, the same at 64 KiB, on 2 and 4 ranks on loopback).
   */
  static final int WIRE_DIRECT_BYTES = 32 << 10;

  private static final int WIRE_OWNER_BYTES = 8 << 20;

  /**
   * The algorithm for a buffer of this size between ranks of one host: direct while a second
   * rendezvous costs more than adding everything up on every rank (measured: up to 2 to 4 KiB on 2
   * and 4 ranks); then the owner's way, which moves fewer bytes and meets less often than a ring
   * wherever all memory can be addressed (measured: never slower, and 2 to 5 times as fast on 4
   * ranks of 2 cores).
   *
   * @param bytes of the buffer
   */
  static AllReduceAlgorithm choose(long bytes) {
    return bytes <= DIRECT_BYTES ? DIRECT : OWNER;
  }

  /**
   * The same for a formation that spans hosts, see {@link HostsAllReduce}: for large buffers the
   * ring, in which each rank sends to one and hears of one (measured over TCP, 4 ranks: 25 and 100
   * MiB in four fifths and two thirds of the owner's time, 1 MiB and less in up to twice of it).
   *
   * @param bytes of the buffer
   */
  static AllReduceAlgorithm chooseAcrossHosts(long bytes) {
    if (bytes > WIRE_OWNER_BYTES) {
      return RING;
    }
    return bytes <= WIRE_DIRECT_BYTES ? DIRECT : OWNER;
  }

  /** Whether it can do without addressing the memory of ranks of other hosts. */
  public boolean worksBetweenHosts() {
    return this != HALVING_DOUBLING;
  }

  /** The steps of {@code rank}; direct all-reduces have none. */
  List<Step> plan(int rank, int worldSize, long count) {
    return switch (this) {
      case OWNER -> OwnerAllReduce.plan(rank, worldSize, count);
      case RING -> RingAllReduce.plan(rank, worldSize, count);
      case HALVING_DOUBLING -> HalvingDoublingAllReduce.plan(rank, worldSize, count);
      case TREE -> TreeAllReduce.plan(rank, worldSize, count);
      case DIRECT -> throw new IllegalStateException("a direct all-reduce follows no plan");
    };
  }
}
