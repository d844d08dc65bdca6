package dev.trireme.allreduce.nccl;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.concurrent.TimeUnit;

/** Times from an abort to the end of what it aborts. */
final class AbortTimes {
  private static final long PROMISED_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

  /** What a crowded machine may take. */
  private static final long SOON_NANOS = TimeUnit.SECONDS.toNanos(2);

  private AbortTimes() {}

  /** Prints their median and the longest; the median is to be within 100 ms. */
  static void shouldBeAsPromised(String what, List<Long> nanos) {
    List<Long> sorted = nanos.stream().sorted().toList();
    long median = sorted.get(sorted.size() / 2);
    long worst = sorted.get(sorted.size() - 1);
    System.out.printf(
        "NCCL: %s, %d aborts: back after %.2f ms in the median, %.2f ms at worst%n",
        what, sorted.size(), median / 1e6, worst / 1e6);
    assertThat(median).as("the median in ns").isLessThan(PROMISED_NANOS);
    assertThat(worst).as("the longest in ns").isLessThan(SOON_NANOS);
  }
}
