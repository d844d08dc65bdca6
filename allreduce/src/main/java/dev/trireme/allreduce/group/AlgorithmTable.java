package dev.trireme.allreduce.group;

import dev.trireme.api.job.AlgorithmRow;
import dev.trireme.api.job.AlgorithmRow.Algorithm;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * Which algorithm does an all-reduce, by world size and bytes. All ranks of a formation need equal
 * tables, for the choice decides the order of sums and so the bits; a difference is found at the
 * first all-reduce and ends the group with a verdict.
 *
 * <p>The rows for a world size are those with the largest number of ranks that is not above it; of
 * these the first whose bytes are not below the buffer's decides. Where no row holds the choice is
 * that of {@link AllReduceAlgorithm}. A formation that spans hosts refuses rows, and an algorithm
 * that needs the memory of all ranks: what was asked for would silently be something else.
 *
 * @param rows of ranks of one host, as {@link AlgorithmRow#requireTable} wants them
 * @param forced for every all-reduce whose size it can do, whatever the rows say
 */
public record AlgorithmTable(List<AlgorithmRow> rows, Optional<AllReduceAlgorithm> forced) {
  /** An algorithm must be this much quicker than this version's choice to be put into its place. */
  private static final double GAIN = 1.1;

  public AlgorithmTable {
    rows = List.copyOf(rows);
    AlgorithmRow.requireTable(rows);
  }

  /** A table of these rows; without any, this version's choice. */
  public static AlgorithmTable of(List<AlgorithmRow> rows) {
    return new AlgorithmTable(rows, Optional.empty());
  }

  /**
   * One algorithm for all that it can do; this version's choice for what it cannot, or if empty.
   */
  public static AlgorithmTable forced(Optional<AllReduceAlgorithm> algorithm) {
    return new AlgorithmTable(List.of(), algorithm);
  }

  /** The algorithm for a buffer of {@code bytes} on {@code worldSize} ranks of one host. */
  public AllReduceAlgorithm choose(int worldSize, long bytes) {
    if (forced.isPresent()) {
      return forced
          .filter(f -> f != AllReduceAlgorithm.DIRECT || bytes <= AllReduceAlgorithm.DIRECT_BYTES)
          .orElse(AllReduceAlgorithm.choose(bytes));
    }
    int from =
        rows.stream().mapToInt(AlgorithmRow::ranks).filter(r -> r <= worldSize).max().orElse(-1);
    return rows.stream()
        .filter(row -> row.ranks() == from && bytes <= row.upTo().orElse(Long.MAX_VALUE))
        .findFirst()
        .map(row -> AllReduceAlgorithm.valueOf(row.algorithm().name()))
        .orElse(AllReduceAlgorithm.choose(bytes));
  }

  /** The algorithm for a formation that spans hosts and has {@link #requireAcrossHosts}. */
  AllReduceAlgorithm chooseAcrossHosts(long bytes) {
    return forced
        .filter(
            f -> f != AllReduceAlgorithm.DIRECT || bytes <= AllReduceAlgorithm.WIRE_DIRECT_BYTES)
        .orElse(AllReduceAlgorithm.chooseAcrossHosts(bytes));
  }

  /**
   * Checks that what is asked for can be done between hosts.
   *
   * @throws IllegalArgumentException when it cannot; says what and how to mend it
   */
  void requireAcrossHosts(int hosts) {
    forced
        .filter(algorithm -> !algorithm.worksBetweenHosts())
        .ifPresent(
            algorithm -> {
              throw new IllegalArgumentException(
                  "all-reduces by "
                      + word(algorithm).name().toLowerCase(Locale.ROOT).replace('_', '-')
                      + " read the memory of all ranks, which are on "
                      + hosts
                      + " hosts; leave the algorithm out, or take ring, owner, tree or direct");
            });
    if (!rows.isEmpty()) {
      throw new IllegalArgumentException(
          "parallel.algorithms was measured between ranks of one host and holds there, but the"
              + " ranks are on "
              + hosts
              + " hosts; leave the key out, for how these sum is not in the table");
    }
  }

  /**
   * The rows in which each size has the algorithm that was quickest at it, or this version's choice
   * where nothing was quicker than that by a tenth. A row ends with the largest size at which its
   * algorithm won, the last one has no limit; sizes in a row that say the same are one.
   *
   * @param ranks with which was measured
   * @param seconds of each algorithm by bytes; a size is left out where an algorithm cannot do it,
   *     and at least one above {@link AllReduceAlgorithm#DIRECT_BYTES} is there
   */
  public static AlgorithmTable fastest(
      int ranks, Map<AllReduceAlgorithm, Map<Long, Double>> seconds) {
    TreeMap<Long, AllReduceAlgorithm> best = new TreeMap<>();
    seconds.values().stream()
        .flatMap(times -> times.keySet().stream())
        .forEach(bytes -> best.computeIfAbsent(bytes, b -> quickest(b, seconds)));
    if (best.isEmpty() || best.lastKey() <= AllReduceAlgorithm.DIRECT_BYTES) {
      throw new IllegalArgumentException(
          "expected a size above " + AllReduceAlgorithm.DIRECT_BYTES + " bytes, found " + best);
    }
    List<AlgorithmRow> rows = new ArrayList<>();
    best.forEach(
        (bytes, algorithm) -> {
          Long next = best.higherKey(bytes);
          if (next == null || best.get(next) != algorithm) {
            rows.add(
                new AlgorithmRow(
                    ranks, Optional.of(bytes).filter(b -> next != null), word(algorithm)));
          }
        });
    return of(rows);
  }

  private static AllReduceAlgorithm quickest(
      long bytes, Map<AllReduceAlgorithm, Map<Long, Double>> seconds) {
    AllReduceAlgorithm best = AllReduceAlgorithm.choose(bytes);
    double least = time(best, bytes, seconds) / GAIN;
    for (AllReduceAlgorithm algorithm : AllReduceAlgorithm.values()) {
      double time = time(algorithm, bytes, seconds);
      if (time < least) {
        best = algorithm;
        least = time;
      }
    }
    return best;
  }

  private static double time(
      AllReduceAlgorithm algorithm,
      long bytes,
      Map<AllReduceAlgorithm, Map<Long, Double>> seconds) {
    return seconds.getOrDefault(algorithm, Map.of()).getOrDefault(bytes, Double.POSITIVE_INFINITY);
  }

  private static Algorithm word(AllReduceAlgorithm algorithm) {
    return Algorithm.valueOf(algorithm.name());
  }
}
