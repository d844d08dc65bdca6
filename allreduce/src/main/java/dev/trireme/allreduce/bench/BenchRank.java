package dev.trireme.allreduce.bench;

import dev.trireme.allreduce.AeronProcessGroup;
import dev.trireme.allreduce.Endpoint;
import dev.trireme.allreduce.GroupConfig;
import dev.trireme.allreduce.NetworkConfig;
import dev.trireme.allreduce.group.AllReduceAlgorithm;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import java.io.BufferedReader;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.agrona.UnsafeApi;

/**
 * One rank of a measurement: for each size an all-reduce of random numbers that is checked, rounds
 * to warm up, then the timed rounds, one blocking all-reduce after the other.
 */
final class BenchRank {
  /** What rank 0 prints before the figures of each size: bytes, seconds, wrong elements. */
  static final String ROW = "ROW ";

  /** What a rank that listens on a port prints first. */
  static final String ENDPOINT = "ENDPOINT ";

  private static final long ROUND_BYTES = 400L << 20;
  private static final int MAX_ROUNDS = 500;
  private static final int MIN_ROUNDS = 5;
  private static final long WARM_UP_NANOS = TimeUnit.MILLISECONDS.toNanos(300);
  private static final int VALUES = 1000;

  private final ProcessGroup group;

  private BenchRank(ProcessGroup group) {
    this.group = group;
  }

  /**
   * A rank as a process of its own.
   *
   * @param args rank, world size, Aeron directory, shared directory, formation, transport,
   *     algorithm or an empty string, sizes in bytes with commas between them
   */
  public static void main(String[] args) throws IOException {
    int worldSize = Integer.parseInt(args[1]);
    BenchTransport transport = BenchTransport.valueOf(args[5]);
    Optional<NetworkConfig> network =
        transport == BenchTransport.UDP && worldSize > 1
            ? Optional.of(new NetworkConfig("host-" + args[0], "127.0.0.1"))
            : Optional.empty();
    GroupConfig config =
        new GroupConfig(
            Integer.parseInt(args[0]),
            worldSize,
            1,
            Path.of(args[2]),
            Path.of(args[3]),
            1,
            2 * worldSize * worldSize,
            Long.parseLong(args[4]),
            Duration.ofSeconds(60),
            network);
    Optional<AllReduceAlgorithm> algorithm =
        Optional.of(args[6]).filter(name -> !name.isEmpty()).map(AllReduceAlgorithm::valueOf);
    long[] sizes = Arrays.stream(args[7].split(",")).mapToLong(Long::parseLong).toArray();
    try (ProcessGroup group = join(config, algorithm)) {
      for (long bytes : sizes) {
        new BenchRank(group).measure(bytes);
      }
      group.barrier().await();
    }
  }

  private static ProcessGroup join(GroupConfig config, Optional<AllReduceAlgorithm> algorithm)
      throws IOException {
    if (config.network().isEmpty()) {
      return AeronProcessGroup.join(config, algorithm);
    }
    try (AeronProcessGroup.Opening opening = AeronProcessGroup.open(config)) {
      System.out.println(ENDPOINT + opening.endpoint().text());
      BufferedReader told =
          new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
      String line = told.readLine();
      if (line == null) {
        throw new EOFException("whoever measures is gone");
      }
      List<Endpoint> all = Arrays.stream(line.split(" ")).map(Endpoint::parse).toList();
      return opening.join(all, algorithm);
    }
  }

  private void measure(long bytes) {
    TensorBuffer buffer = group.allocate(DType.FLOAT32, bytes / Float.BYTES);
    long wrong = check(buffer);
    long fitting = ROUND_BYTES / Math.max(1, bytes);
    int rounds = (int) Math.max(MIN_ROUNDS, Math.min(MAX_ROUNDS, fitting));
    warmUp(buffer);
    group.barrier().await();
    long start = System.nanoTime();
    for (int i = 0; i < rounds; i++) {
      group.allReduce(buffer, ReduceOp.SUM).await();
    }
    double seconds = (System.nanoTime() - start) / 1e9 / rounds;
    if (group.rank() == 0) {
      System.out.println(ROW + bytes + " " + seconds + " " + wrong);
    }
  }

  /** On zeros, since repeated sums of anything else soon overflow. Rank 0 says when to end. */
  private void warmUp(TensorBuffer buffer) {
    TensorBuffer more = group.allocate(DType.INT32, 1);
    NativeMemory.fill(buffer.address(), buffer.byteCount(), (byte) 0);
    long end = System.nanoTime() + WARM_UP_NANOS;
    do {
      group.allReduce(buffer, ReduceOp.SUM).await();
      UnsafeApi.putInt(more.address(), System.nanoTime() < end ? 1 : 0);
      group.broadcast(more, 0).await();
    } while (UnsafeApi.getInt(more.address()) == 1);
  }

  /** Counts the wrong elements. Small whole numbers, so that sums are exact in every order. */
  private long check(TensorBuffer buffer) {
    SplittableRandom mine = new SplittableRandom(group.rank());
    for (long i = 0; i < buffer.count(); i++) {
      UnsafeApi.putFloat(buffer.address() + Float.BYTES * i, mine.nextInt(VALUES));
    }
    group.allReduce(buffer, ReduceOp.SUM).await();
    SplittableRandom[] all = new SplittableRandom[group.worldSize()];
    Arrays.setAll(all, SplittableRandom::new);
    long wrong = 0;
    for (long i = 0; i < buffer.count(); i++) {
      float expected = 0;
      for (SplittableRandom each : all) {
        expected += each.nextInt(VALUES);
      }
      wrong += UnsafeApi.getFloat(buffer.address() + Float.BYTES * i) == expected ? 0 : 1;
    }
    return wrong;
  }
}
