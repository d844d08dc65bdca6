package dev.trireme.ps.plan;

import java.util.ArrayList;
import java.util.List;

/**
 * The cut of all parameters into shards. In the slab come first those that are no tables, in order
 * of index, and are cut into stretches of equal size wherever tensors begin and end, so that these
 * shards differ by at most {@value #UNIT} elements (but for the last), large tensors are split and
 * small ones are fused. Behind them comes each table by itself, cut into stretches of whole rows of
 * about that size. The number of shards gives each server several, so that placing them balances
 * and a lost server's shards spread over the others.
 *
 * <p>A pure function of the parameters' sizes: workers and servers make the same plan. Cost:
 * O(shards + parameters).
 *
 * @param offsets where each parameter begins in the slab
 * @param sizes of each parameter
 * @param shards in order; together they are the slab
 */
public record ShardPlan(List<Long> offsets, List<Size> sizes, List<Shard> shards) {
  /** Cuts fall on cache lines. */
  public static final int UNIT = 16;

  /** The most shards of a job, and one more for each table. */
  public static final int MAX_SHARDS = 256;

  private static final int SHARDS_A_SERVER = 4;
  private static final long LARGEST = 1L << 20;
  private static final long SMALLEST = 1L << 12;

  /**
   * The size of a parameter.
   *
   * @param count of its elements, at least 0
   * @param width elements of a row, where it is a table of which a step touches only some rows;
   *     else 0
   */
  public record Size(long count, int width) {
    public Size {
      if (count < 0 || width < 0 || width > 0 && (count == 0 || count % width != 0)) {
        throw new IllegalArgumentException(count + " elements in rows of " + width);
      }
    }
  }

  public ShardPlan {
    offsets = List.copyOf(offsets);
    sizes = List.copyOf(sizes);
    shards = List.copyOf(shards);
  }

  /**
   * Cuts.
   *
   * @param sizes of each parameter, in order of index
   * @param servers at least 1
   * @throws IllegalArgumentException when there is nothing to cut
   */
  public static ShardPlan of(List<Size> sizes, int servers) {
    long dense = sizes.stream().filter(s -> s.width() == 0).mapToLong(Size::count).sum();
    long total = sizes.stream().mapToLong(Size::count).reduce(0, Math::addExact);
    if (total == 0 || servers < 1) {
      throw new IllegalArgumentException(
          "expected parameters and servers, found "
              + total
              + " elements in "
              + sizes.size()
              + " parameters, for "
              + servers
              + " servers");
    }
    long wanted = total / ((long) SHARDS_A_SERVER * servers);
    long size = Math.max(SMALLEST, Math.min(LARGEST, wanted));
    size = Math.max(size, total / MAX_SHARDS + 1);
    List<Shard> shards = new ArrayList<>();
    cut(dense, size, shards);
    Long[] offsets = new Long[sizes.size()];
    long next = 0;
    long table = dense;
    for (int parameter = 0; parameter < offsets.length; parameter++) {
      Size of = sizes.get(parameter);
      if (of.width() == 0) {
        offsets[parameter] = next;
        next += of.count();
      } else {
        offsets[parameter] = table;
        cutRows(of, table, size, shards);
        table += of.count();
      }
    }
    return new ShardPlan(List.of(offsets), sizes, shards);
  }

  private static void cut(long total, long wanted, List<Shard> shards) {
    if (total == 0) {
      return;
    }
    long number = (total + wanted - 1) / wanted;
    long size = (total + number - 1) / number;
    size = (size + UNIT - 1) / UNIT * UNIT;
    for (long from = 0; from < total; from += size) {
      shards.add(new Shard(shards.size(), from, Math.min(size, total - from)));
    }
  }

  private static void cutRows(Size table, long offset, long wanted, List<Shard> shards) {
    long rows = table.count() / table.width();
    long number = Math.min(rows, (table.count() + wanted - 1) / wanted);
    long each = (rows + number - 1) / number;
    for (long row = 0; row < rows; row += each) {
      long count = Math.min(each, rows - row) * table.width();
      shards.add(
          new Shard(
              shards.size(),
              offset + row * table.width(),
              count,
              table.width(),
              Math.toIntExact(row)));
    }
  }

  /** Elements of all parameters together. */
  public long elements() {
    return sizes.stream().mapToLong(Size::count).sum();
  }

  /** The number of parameters. */
  public int parameters() {
    return sizes.size();
  }

  /** Whether any parameter is a table. */
  public boolean hasTables() {
    return sizes.stream().anyMatch(s -> s.width() > 0);
  }

  /**
   * Bytes of the largest message about a shard: its elements and the numbers of its rows, or what
   * is fixed of workers' parts.
   */
  public long largestMessage() {
    return shards.stream()
        .mapToLong(s -> Math.max(LARGEST, 4 * (s.count() + s.rows())))
        .max()
        .orElseThrow();
  }

  /**
   * The shards that hold some of a parameter: the first and the one behind the last. None for a
   * parameter without elements.
   */
  public int[] shardsOf(int parameter) {
    long from = offsets.get(parameter);
    long end = from + sizes.get(parameter).count();
    if (from == end) {
      return new int[] {0, 0};
    }
    int first = holding(from);
    return new int[] {first, holding(end - 1) + 1};
  }

  /** The shard that an element of the slab is in. */
  private int holding(long element) {
    int low = 0;
    int high = shards.size() - 1;
    while (low < high) {
      int middle = (low + high + 1) >>> 1;
      if (shards.get(middle).from() <= element) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return low;
  }
}
