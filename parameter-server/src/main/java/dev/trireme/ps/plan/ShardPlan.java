package dev.trireme.ps.plan;

import java.util.ArrayList;
import java.util.List;

/**
 * The cut of all parameters into shards. The slab is cut into stretches of equal size wherever
 * tensors begin and end, so that shards differ by at most {@value #UNIT} elements (but for the
 * last), large tensors are split and small ones are fused. The number of shards gives each server
 * several, so that placing them balances and a lost server's shards spread over the others.
 *
 * <p>A pure function of the parameters' sizes: workers and servers make the same plan. Cost:
 * O(shards + parameters).
 *
 * @param offsets where each parameter begins in the slab, and behind them the slab's size
 * @param shards in order; together they are the slab
 */
public record ShardPlan(List<Long> offsets, List<Shard> shards) {
  /** Cuts fall on cache lines. */
  public static final int UNIT = 16;

  /** The most shards of a job. */
  public static final int MAX_SHARDS = 256;

  private static final int SHARDS_A_SERVER = 4;
  private static final long LARGEST = 1L << 20;
  private static final long SMALLEST = 1L << 12;

  public ShardPlan {
    offsets = List.copyOf(offsets);
    shards = List.copyOf(shards);
  }

  /**
   * Cuts.
   *
   * @param counts elements of each parameter, in order of index, each at least 0
   * @param servers at least 1
   * @throws IllegalArgumentException when there is nothing to cut
   */
  public static ShardPlan of(List<Long> counts, int servers) {
    List<Long> offsets = new ArrayList<>();
    long total = 0;
    for (long count : counts) {
      offsets.add(total);
      total = Math.addExact(total, count);
    }
    offsets.add(total);
    if (total == 0 || servers < 1) {
      throw new IllegalArgumentException(
          "expected parameters and servers, found "
              + total
              + " elements in "
              + counts.size()
              + " parameters, for "
              + servers
              + " servers");
    }
    long wanted = total / ((long) SHARDS_A_SERVER * servers);
    long size = Math.max(SMALLEST, Math.min(LARGEST, wanted));
    size = Math.max(size, total / MAX_SHARDS + 1);
    long number = (total + size - 1) / size;
    size = (total + number - 1) / number;
    size = (size + UNIT - 1) / UNIT * UNIT;
    List<Shard> shards = new ArrayList<>();
    for (long from = 0; from < total; from += size) {
      shards.add(new Shard(shards.size(), from, Math.min(size, total - from)));
    }
    return new ShardPlan(offsets, shards);
  }

  /** Elements of all parameters together. */
  public long elements() {
    return offsets.get(offsets.size() - 1);
  }

  /** The number of parameters. */
  public int parameters() {
    return offsets.size() - 1;
  }

  /** Elements of the largest shard. */
  public long largest() {
    return shards.stream().mapToLong(Shard::count).max().orElseThrow();
  }

  /**
   * The shards that hold some of a parameter: the first and the one behind the last. None for a
   * parameter without elements.
   */
  public int[] shardsOf(int parameter) {
    long from = offsets.get(parameter);
    long end = offsets.get(parameter + 1);
    if (from == end) {
      return new int[] {0, 0};
    }
    long size = shards.get(0).count();
    return new int[] {(int) (from / size), (int) ((end - 1) / size) + 1};
  }
}
