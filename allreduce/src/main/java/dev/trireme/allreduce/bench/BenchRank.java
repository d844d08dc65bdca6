package dev.trireme.allreduce.bench;

import dev.trireme.allreduce.AeronProcessGroup;
import dev.trireme.allreduce.GroupConfig;
import dev.trireme.allreduce.group.AllReduceAlgorithm;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.TensorBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.agrona.UnsafeApi;

/**
 * One rank of a measurement: for each size an all-reduce of random numbers that is checked, rounds
 * to warm up, then the timed rounds, one blocking all-reduce after the other.
 */
public final class BenchRank {
  private static final long ROUND_BYTES = 400L << 20;
  private static final int MAX_ROUNDS = 500;
  private static final int MIN_ROUNDS = 5;
  private static final long WARM_UP_NANOS = TimeUnit.MILLISECONDS.toNanos(300);

  private BenchRank() {}

  /**
   * A rank as a process of its own. Writes one {@code {...}} a size to standard output on rank 0.
   *
   * @param args rank, world size, Aeron directory, shared directory, stream base, formation,
   *     algorithm or {@code auto}, sizes in bytes with commas
   */
  public static void main(String[] args) {
    int rank = Integer.parseInt(args[0]);
    int worldSize = Integer.parseInt(args[1]);
    GroupConfig config =
        new GroupConfig(
            rank,
            worldSize,
            1,
            Path.of(args[2]),
            Path.of(args[3]),
            Integer.parseInt(args[4]),
            worldSize * worldSize,
            Long.parseLong(args[5]),
            Duration.ofSeconds(60));
    Optional<AllReduceAlgorithm> algorithm =
        args[6].equals("auto")
            ? Optional.empty()
            : Optional.of(AllReduceAlgorithm.valueOf(args[6]));
    long[] sizes = Arrays.stream(args[7].split(",")).mapToLong(Long::parseLong).toArray();
    try (ProcessGroup group = AeronProcessGroup.join(config, algorithm)) {
      measure(
          group,
          sizes,
          row -> {
            if (rank == 0) {
              System.out.println(row.line());
            }
          });
    }
  }

  /**
   * Measures each size; every rank calls it with the same sizes.
   *
   * @param each takes a row as soon as it is measured
   */
  public static void measure(ProcessGroup group, long[] sizes, Consumer<BenchRow> each) {
    for (long bytes : sizes) {
      TensorBuffer buffer = group.allocate(DType.FLOAT32, bytes / Float.BYTES);
      long wrong = check(group, buffer);
      int rounds =
          (int) Math.max(MIN_ROUNDS, Math.min(MAX_ROUNDS, ROUND_BYTES / Math.max(1, bytes)));
      warmUp(group, buffer);
      group.barrier().await();
      long start = System.nanoTime();
      for (int i = 0; i < rounds; i++) {
        group.allReduce(buffer, ReduceOp.SUM).await();
      }
      double seconds = (System.nanoTime() - start) / 1e9 / rounds;
      each.accept(BenchRow.of(bytes, group.worldSize(), seconds, wrong));
    }
    group.barrier().await();
  }

  /** Zeros, since repeated sums of anything else soon overflow. Rank 0 says when it is enough. */
  private static void warmUp(ProcessGroup group, TensorBuffer buffer) {
    TensorBuffer more = group.allocate(DType.INT32, 1);
    UnsafeApi.setMemory(buffer.address(), buffer.byteCount(), (byte) 0);
    long end = System.nanoTime() + WARM_UP_NANOS;
    do {
      group.allReduce(buffer, ReduceOp.SUM).await();
      boolean goOn = System.nanoTime() < end;
      UnsafeApi.putInt(more.address(), goOn ? 1 : 0);
      group.broadcast(more, 0).await();
    } while (UnsafeApi.getInt(more.address()) == 1);
  }

  /** Small whole numbers, so that the sum is exact in every order. */
  private static long check(ProcessGroup group, TensorBuffer buffer) {
    int ranks = group.worldSize();
    SplittableRandom[] random = new SplittableRandom[ranks];
    for (int rank = 0; rank < ranks; rank++) {
      random[rank] = new SplittableRandom(rank);
    }
    for (long i = 0; i < buffer.count(); i++) {
      UnsafeApi.putFloat(buffer.address() + 4 * i, random[group.rank()].nextInt(1000));
    }
    group.allReduce(buffer, ReduceOp.SUM).await();
    random[group.rank()] = new SplittableRandom(group.rank());
    long wrong = 0;
    for (long i = 0; i < buffer.count(); i++) {
      float expected = 0;
      for (SplittableRandom each : random) {
        expected += each.nextInt(1000);
      }
      wrong += UnsafeApi.getFloat(buffer.address() + 4 * i) == expected ? 0 : 1;
    }
    return wrong;
  }
}
