package dev.trireme.allreduce.bench;

import java.time.Duration;
import java.util.Optional;

/** What the ranks of a bench do: time each size, or one of two trials of a given length. */
public enum BenchTask {
  /** Time each size of the plan. */
  MEASURE,
  /** All-reduces of random sizes up to the plan's largest, checked; reports memory. */
  SOAK,
  /** All ranks but the last wait for it in one all-reduce; reports processor time. */
  IDLE;

  /**
   * A trial's report of one rank.
   *
   * @param rank that it is of
   * @param seconds that it took
   * @param cpuSeconds of processor time of the rank's process meanwhile
   * @param rounds all-reduces done
   * @param startMiB resident memory when it began, shared memory included, warmed up
   * @param endMiB the same when it ended
   * @param wrong elements
   */
  public record Report(
      int rank,
      double seconds,
      double cpuSeconds,
      long rounds,
      double startMiB,
      double endMiB,
      long wrong) {
    /** As one word for each field, in order, which {@link #parse} reads. */
    String words() {
      return rank
          + " "
          + seconds
          + " "
          + cpuSeconds
          + " "
          + rounds
          + " "
          + startMiB
          + " "
          + endMiB
          + " "
          + wrong;
    }

    static Report parse(String words) {
      String[] word = words.split(" ");
      return new Report(
          Integer.parseInt(word[0]),
          Double.parseDouble(word[1]),
          Double.parseDouble(word[2]),
          Long.parseLong(word[3]),
          Double.parseDouble(word[4]),
          Double.parseDouble(word[5]),
          Long.parseLong(word[6]));
    }
  }

  /** A trial and its length, as words of a command line. */
  record Trial(BenchTask task, Duration length) {
    String words() {
      return task + ":" + length.toMillis();
    }

    static Optional<Trial> parse(String text) {
      int colon = text.indexOf(':');
      return colon < 0
          ? Optional.empty()
          : Optional.of(
              new Trial(
                  valueOf(text.substring(0, colon)),
                  Duration.ofMillis(Long.parseLong(text.substring(colon + 1)))));
    }
  }
}
