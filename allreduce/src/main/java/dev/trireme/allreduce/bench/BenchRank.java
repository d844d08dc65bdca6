package dev.trireme.allreduce.bench;

import dev.trireme.allreduce.AeronProcessGroup;
import dev.trireme.allreduce.Endpoint;
import dev.trireme.allreduce.GroupConfig;
import dev.trireme.allreduce.NetworkConfig;
import dev.trireme.allreduce.cuda.CudaMemory;
import dev.trireme.allreduce.group.AllReduceAlgorithm;
import dev.trireme.allreduce.nccl.Nccl;
import dev.trireme.allreduce.nccl.NcclConfig;
import dev.trireme.allreduce.nccl.NcclProcessGroup;
import dev.trireme.allreduce.nccl.NcclUnavailableException;
import dev.trireme.allreduce.nccl.NcclUniqueId;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Device;
import dev.trireme.api.tensor.DeviceMemory;
import dev.trireme.api.tensor.TensorBuffer;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.HexFormat;
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

  /** What a rank prints before the rank that it suspects and the verdict. */
  static final String FAILED = "FAILED ";

  /** What a rank prints before its report of a trial. */
  static final String REPORT = "REPORT ";

  private static final Duration DEADLINE = Duration.ofSeconds(60);
  private static final long ROUND_BYTES = 400L << 20;
  private static final int MAX_ROUNDS = 500;
  private static final int MIN_ROUNDS = 5;

  /** A process that measures one size has compiled nothing yet: 0.3 s was too little over UDP. */
  private static final long WARM_UP_NANOS = TimeUnit.SECONDS.toNanos(1);

  private static final int VALUES = 1000;

  /** Its process sees no other. */
  private static final Device CUDA = new Device(Device.Kind.CUDA, 0);

  private final ProcessGroup group;
  private final BenchPlan plan;
  private final DeviceMemory memory;
  private final TensorBuffer room;

  /** The same on the host, where values are written and read; often the room itself. */
  private final TensorBuffer host;

  private final TensorBuffer word;

  private BenchRank(ProcessGroup group, BenchPlan plan) {
    this.group = group;
    this.plan = plan;
    long count = plan.largest() / Float.BYTES;
    this.host = group.allocate(DType.FLOAT32, count);
    boolean nccl = plan.transport() == BenchTransport.NCCL;
    this.memory = nccl ? new CudaMemory(CUDA) : DeviceMemory.HOST;
    this.room = nccl ? group.allocate(CUDA, DType.FLOAT32, count) : host;
    this.word = group.allocate(DType.INT64, 1);
  }

  /**
   * A rank as a process of its own. The first line of its standard input is the formation's number;
   * a rank that listens on a port is told all ranks' endpoints in the second. When that stream
   * ends, so does the rank.
   *
   * @param args rank, Aeron directory, shared directory, task, then the words of the plan
   */
  public static void main(String[] args) throws IOException {
    long formation = Long.parseLong(readLine(System.in));
    BenchPlan plan = BenchPlan.parse(Arrays.asList(args).subList(4, args.length));
    int rank = Integer.parseInt(args[0]);
    int code = 0;
    try (ProcessGroup group =
        plan.transport() == BenchTransport.NCCL
            ? joinNccl(rank, plan)
            : join(config(args, rank, plan, formation), plan.algorithm())) {
      BenchRank bench = new BenchRank(group, plan);
      BenchTask.Trial.parse(args[3])
          .ifPresentOrElse(bench::tryOut, () -> plan.sizes().forEach(bench::measure));
      group.barrier().await();
    } catch (CollectiveException e) {
      System.out.println(FAILED + e.suspectRank() + " " + oneLine(e.getMessage()));
      code = 1;
    } catch (IllegalStateException | NcclUnavailableException e) {
      System.out.println(FAILED + rank + " " + oneLine(e.getMessage()));
      code = 1;
    }
    System.exit(code);
  }

  private static GroupConfig config(String[] args, int rank, BenchPlan plan, long formation) {
    return new GroupConfig(
        rank,
        plan.ranks(),
        1,
        Path.of(args[1]),
        Path.of(args[2]),
        1,
        2 * plan.ranks() * plan.ranks(),
        formation,
        DEADLINE,
        plan.ranks() > 1
            ? plan.transport().carrier().map(c -> new NetworkConfig("host-" + rank, "127.0.0.1", c))
            : Optional.empty());
  }

  private static ProcessGroup joinNccl(int rank, BenchPlan plan) throws IOException {
    Nccl.load();
    HexFormat hex = HexFormat.of();
    System.out.println(ENDPOINT + (rank == 0 ? hex.formatHex(NcclUniqueId.create().bytes()) : "-"));
    String[] told = readLine(System.in).split(" ");
    if (told.length != plan.ranks()) {
      throw new EOFException("whoever measures is gone");
    }
    endWith(System.in);
    NcclUniqueId id = new NcclUniqueId(hex.parseHex(told[0]));
    return NcclProcessGroup.join(new NcclConfig(rank, plan.ranks(), 1, CUDA, id, DEADLINE));
  }

  private static ProcessGroup join(GroupConfig config, Optional<AllReduceAlgorithm> algorithm)
      throws IOException {
    if (config.network().isEmpty()) {
      endWith(System.in);
      return AeronProcessGroup.join(config, algorithm);
    }
    try (AeronProcessGroup.Opening opening = AeronProcessGroup.open(config)) {
      System.out.println(ENDPOINT + opening.endpoint().text());
      String[] told = readLine(System.in).split(" ");
      if (told.length != config.worldSize()) {
        throw new EOFException("whoever measures is gone");
      }
      endWith(System.in);
      return opening.join(Arrays.stream(told).map(Endpoint::parse).toList(), algorithm);
    }
  }

  private static String oneLine(String text) {
    return String.valueOf(text).replaceAll("\\s+", " ");
  }

  private static String readLine(InputStream in) throws IOException {
    StringBuilder line = new StringBuilder();
    for (int next = in.read(); next >= 0 && next != '\n'; next = in.read()) {
      line.append((char) next);
    }
    return line.toString();
  }

  /** Ends this process, without a word, when the one that started it is gone. */
  private static void endWith(InputStream in) {
    Thread watch =
        new Thread(
            () -> {
              try {
                while (in.read() >= 0) {
                  // Nothing more is expected.
                }
              } catch (IOException e) {
                // As good as its end.
              }
              Runtime.getRuntime().halt(1);
            },
            "trireme-bench-parent-watch");
    watch.setDaemon(true);
    watch.start();
  }

  private void tryOut(BenchTask.Trial trial) {
    BenchTrial all = new BenchTrial(group, room, word);
    BenchTask.Report report =
        trial.task() == BenchTask.SOAK ? all.soak(trial.length()) : all.idle(trial.length());
    System.out.println(REPORT + report.words());
  }

  private void measure(long bytes) {
    TensorBuffer buffer = room.slice(0, bytes / Float.BYTES);
    long wrong = overAllRanks(check(buffer));
    int rounds = plan.iterations().orElse(rounds(bytes));
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

  private static int rounds(long bytes) {
    return (int) Math.max(MIN_ROUNDS, Math.min(MAX_ROUNDS, ROUND_BYTES / bytes));
  }

  /** On zeros, since repeated sums of anything else soon overflow. Rank 0 says when to end. */
  private void warmUp(TensorBuffer buffer) {
    memory.enqueueZero(buffer);
    if (plan.warmup().isPresent()) {
      for (int i = 0; i < plan.warmup().getAsInt(); i++) {
        group.allReduce(buffer, ReduceOp.SUM).await();
      }
      return;
    }
    long end = System.nanoTime() + WARM_UP_NANOS;
    do {
      group.allReduce(buffer, ReduceOp.SUM).await();
      UnsafeApi.putLong(word.address(), System.nanoTime() < end ? 1 : 0);
      group.broadcast(word, 0).await();
    } while (UnsafeApi.getLong(word.address()) == 1);
  }

  private long overAllRanks(long wrong) {
    UnsafeApi.putLong(word.address(), wrong);
    group.allReduce(word, ReduceOp.SUM).await();
    return UnsafeApi.getLong(word.address());
  }

  /**
   * Counts this rank's wrong elements. Small whole numbers, so that sums are exact in every order.
   */
  private long check(TensorBuffer buffer) {
    TensorBuffer here = host.slice(0, buffer.count());
    SplittableRandom mine = new SplittableRandom(group.rank());
    for (long i = 0; i < here.count(); i++) {
      UnsafeApi.putFloat(here.address() + Float.BYTES * i, mine.nextInt(VALUES));
    }
    boolean elsewhere = !here.equals(buffer);
    if (elsewhere) {
      memory.enqueueCopy(here, buffer);
    }
    group.allReduce(buffer, ReduceOp.SUM).await();
    if (elsewhere) {
      memory.copy(buffer, here);
    }
    SplittableRandom[] all = new SplittableRandom[group.worldSize()];
    Arrays.setAll(all, SplittableRandom::new);
    long wrong = 0;
    for (long i = 0; i < here.count(); i++) {
      float expected = 0;
      for (SplittableRandom each : all) {
        expected += each.nextInt(VALUES);
      }
      wrong += UnsafeApi.getFloat(here.address() + Float.BYTES * i) == expected ? 0 : 1;
    }
    return wrong;
  }
}
