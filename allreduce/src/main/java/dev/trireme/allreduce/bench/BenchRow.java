package dev.trireme.allreduce.bench;

import java.util.Locale;

/**
 * One size of one measurement.
 *
 * @param bytes of the buffer on each rank
 * @param count of float32 elements
 * @param timeUs of one all-reduce, mean over the rounds, in microseconds
 * @param algbwGBs bytes over time, 10^9 bytes a second
 * @param busbwGBs the same times 2 (W-1)/W, as nccl-tests defines it
 * @param wrong elements, over all ranks, that differed from the sum computed by each rank alone
 */
public record BenchRow(
    long bytes, long count, double timeUs, double algbwGBs, double busbwGBs, long wrong) {
  /** The row for this size and time. */
  static BenchRow of(long bytes, int worldSize, double seconds, long wrong) {
    double algbw = bytes / seconds / 1e9;
    return new BenchRow(
        bytes,
        bytes / Float.BYTES,
        seconds * 1e6,
        algbw,
        algbw * 2 * (worldSize - 1) / worldSize,
        wrong);
  }

  /** The line above a table of rows. */
  public static String header() {
    return String.format(
        Locale.ROOT,
        "%12s %12s %9s %6s %12s %9s %9s %7s",
        "size",
        "count",
        "type",
        "redop",
        "time(us)",
        "algbw",
        "busbw",
        "#wrong");
  }

  /** A line of the table. */
  public String line() {
    return String.format(
        Locale.ROOT,
        "%12d %12d %9s %6s %12.2f %9.3f %9.3f %7d",
        bytes,
        count,
        "float32",
        "sum",
        timeUs,
        algbwGBs,
        busbwGBs,
        wrong);
  }

  /** As an object of the JSON array that {@code trireme bench allreduce --json} prints. */
  public String json() {
    return String.format(
        Locale.ROOT,
        "{\"bytes\":%d,\"count\":%d,\"dtype\":\"float32\",\"op\":\"sum\",\"timeUs\":%.3f,"
            + "\"algbwGBs\":%.4f,\"busbwGBs\":%.4f,\"wrong\":%d}",
        bytes,
        count,
        timeUs,
        algbwGBs,
        busbwGBs,
        wrong);
  }
}
