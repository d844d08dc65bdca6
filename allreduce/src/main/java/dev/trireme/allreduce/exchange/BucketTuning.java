package dev.trireme.allreduce.exchange;

import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Device;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import java.nio.DoubleBuffer;
import java.util.NavigableMap;
import java.util.TreeMap;

/**
 * Measures of which sizes buckets should be. Large buckets cost the fewest rendezvous, small ones
 * start sooner while backward still computes, and the last one, which nothing hides, is over
 * sooner. So a bucket is the smallest size that moves bytes at nine tenths of the best rate or
 * more, and the first, which is there to start early, the smallest at half of it (the classic
 * half-performance length).
 *
 * <p>All-reduces of float32 of 64 KiB, 128 KiB and so on are timed on all ranks, up to the first
 * that holds all gradients or to 32 MiB, and no further once one takes a tenth of a second. The
 * time of a size is the best of five on the slowest rank, agreed on by a maximum over the ranks:
 * they all choose from the same numbers and so the same sizes. Compression is not measured: the
 * sizes are those for gradients as they are.
 *
 * <p>Source of the first size: Hockney, "The communication challenge for MPP", Parallel Computing
 * 20 (1994).
 */
public final class BucketTuning {
  private static final long SMALLEST = 64 << 10;
  private static final long LARGEST = 32 << 20;
  private static final int WARMUPS = 2;
  private static final int ROUNDS = 5;
  private static final double LONG_SECONDS = 0.1;
  private static final double NEARLY_BEST = 0.9;
  private static final double HALF = 0.5;

  private BucketTuning() {}

  /**
   * Sizes of buckets.
   *
   * @param first bytes of the first bucket
   * @param others bytes of the others, not below those of the first
   */
  public record Sizes(long first, long others) {}

  /**
   * Measures: a collective call that gives the same on all ranks.
   *
   * <p>Blocking: some tenths of a second as a rule, and no longer than the group's deadline for any
   * one operation. Costs memory of the group, at most 32 MiB a rank, that is freed with it.
   *
   * @param group of at least 2 ranks
   * @param device where gradients stand; the host's memory is measured where the group does not
   *     reach it
   * @param gradientBytes of all parameters together
   * @throws dev.trireme.api.collective.CollectiveException when it fails
   */
  public static Sizes measure(ProcessGroup group, Device device, long gradientBytes) {
    long largest = SMALLEST;
    while (largest < gradientBytes && largest < LARGEST) {
      largest *= 2;
    }
    Device at = group.reaches(device) ? device : Device.CPU;
    TensorBuffer buffer = group.allocate(at, DType.FLOAT32, largest / Float.BYTES);
    TensorBuffer agreed = group.allocate(DType.FLOAT64, 1);
    DoubleBuffer seconds = NativeMemory.view(agreed.address(), Double.BYTES).asDoubleBuffer();
    group.label("tuning of buckets");
    NavigableMap<Long, Double> times = new TreeMap<>();
    for (long bytes = SMALLEST; bytes <= largest; bytes *= 2) {
      seconds.put(0, best(group, buffer.slice(0, bytes / Float.BYTES)));
      group.allReduce(agreed, ReduceOp.MAX).await();
      // Else what a peer leaves that gives up would be decided by, on each rank in its own way.
      group.confirm();
      times.put(bytes, seconds.get(0));
      if (seconds.get(0) > LONG_SECONDS) {
        break;
      }
    }
    group.label("");
    return choose(times);
  }

  private static double best(ProcessGroup group, TensorBuffer buffer) {
    long best = Long.MAX_VALUE;
    for (int round = -WARMUPS; round < ROUNDS; round++) {
      long begin = System.nanoTime();
      group.allReduce(buffer, ReduceOp.SUM).await();
      if (round >= 0) {
        best = Math.min(best, System.nanoTime() - begin);
      }
    }
    return Math.max(1, best) / 1e9;
  }

  /**
   * The sizes by what was measured: a pure function.
   *
   * @param seconds of an all-reduce, above 0, by bytes; at least one
   */
  static Sizes choose(NavigableMap<Long, Double> seconds) {
    double best =
        seconds.entrySet().stream().mapToDouble(e -> e.getKey() / e.getValue()).max().orElseThrow();
    return new Sizes(smallest(seconds, HALF * best), smallest(seconds, NEARLY_BEST * best));
  }

  private static long smallest(NavigableMap<Long, Double> seconds, double rate) {
    return seconds.entrySet().stream()
        .filter(e -> e.getKey() / e.getValue() >= rate)
        .findFirst()
        .orElseThrow()
        .getKey();
  }
}
