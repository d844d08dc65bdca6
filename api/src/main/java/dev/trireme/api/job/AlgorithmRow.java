package dev.trireme.api.job;

import java.util.List;
import java.util.Optional;

/**
 * One row of the table that chooses how an all-reduce is done, see {@link ParallelSpec#algorithms}.
 * Rows hold from their number of ranks up to that of the next larger one; of those, the first whose
 * {@code upTo} is not below the buffer's bytes decides.
 *
 * @param ranks the world size from which it holds
 * @param upTo the largest buffer that it is for, in bytes; no limit when absent
 * @param algorithm of those; direct only up to {@link #DIRECT_BYTES}
 */
public record AlgorithmRow(
    @Key(value = "The number of ranks from which it holds.", min = 1, max = 4096) int ranks,
    @Key(
            value = "The largest buffer that it is for; no limit without it.",
            min = 1,
            max = 1L << 40,
            size = true)
        Optional<Long> upTo,
    @Key("How all-reduces of these are done.") Algorithm algorithm) {
  /** The largest buffer of a direct all-reduce between ranks of one host, in bytes. */
  public static final int DIRECT_BYTES = 2 << 10;

  private static final int MOST_ROWS = 256;

  /** How an all-reduce is done; the classes of the allreduce module say what each does. */
  public enum Algorithm {
    DIRECT,
    OWNER,
    RING,
    HALVING_DOUBLING,
    TREE
  }

  public AlgorithmRow {
    if (algorithm == Algorithm.DIRECT && upTo.orElse(Long.MAX_VALUE) > DIRECT_BYTES) {
      throw new SpecException(
          "upTo",
          "expected at most "
              + DIRECT_BYTES
              + " bytes for direct, found "
              + upTo.map(String::valueOf).orElse("no limit")
              + "; lower it, or name another algorithm");
    }
  }

  /**
   * Checks that rows make a table: ordered by ranks, then bytes, and the last row of each number of
   * ranks, and no other, without a limit. No rows are a table, too.
   *
   * @throws SpecException for the key {@code algorithms}
   */
  public static void requireTable(List<AlgorithmRow> rows) {
    if (rows.size() > MOST_ROWS) {
      throw refused("expected at most " + MOST_ROWS + " rows, found " + rows.size());
    }
    for (int i = 0; i < rows.size(); i++) {
      AlgorithmRow row = rows.get(i);
      boolean last = i + 1 == rows.size() || rows.get(i + 1).ranks() != row.ranks();
      if (last != row.upTo().isEmpty()) {
        throw refused(
            "row "
                + (i + 1)
                + (last
                    ? ": expected no upTo in the last row of "
                    : ": expected an upTo in a row of ")
                + row.ranks()
                + " ranks"
                + (last ? "; add one for all larger buffers" : " that is not their last"));
      }
      if (i > 0 && !rows.get(i - 1).comesBefore(row)) {
        throw refused(
            "row " + (i + 1) + ": expected more ranks, or a larger upTo, than in the row before");
      }
    }
  }

  private boolean comesBefore(AlgorithmRow next) {
    return next.ranks > ranks
        || next.ranks == ranks && upTo.orElse(Long.MAX_VALUE) < next.upTo.orElse(Long.MAX_VALUE);
  }

  private static SpecException refused(String why) {
    return new SpecException("algorithms", why);
  }
}
