package dev.trireme.allreduce.nccl;

import dev.trireme.allreduce.AbortSwitch;
import dev.trireme.allreduce.bench.BenchRow;
import dev.trireme.allreduce.cuda.CudaMemory;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.Device;
import dev.trireme.api.tensor.DeviceMemory;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * All-reduces of float32 over NCCL on real devices, measured and checked, beside the bandwidth of
 * the device's copies, which is the limit. A rank is a process; each is started by hand:
 *
 * <pre>java ... dev.trireme.allreduce.nccl.NcclBench [RANK RANKS ID_FILE [DEVICE [ROUNDS]]]</pre>
 *
 * <p>Rank 0 writes the unique id to the file, the others wait for it. Without arguments there is
 * one rank, for which an all-reduce moves nothing between devices: its times show what a call
 * costs. ROUNDS is the most for each size, the same on all ranks; 1000 without it.
 */
public final class NcclBench {
  private static final List<Long> SIZES =
      List.of(4L << 10, 64L << 10, 1L << 20, 4L << 20, 25L << 20, 100L << 20, 256L << 20);
  private static final long ROUND_BYTES = 4L << 30;
  private static final int MOST_ROUNDS = 1000;
  private static final int VALUES = 1000;
  private static final Duration DEADLINE = Duration.ofSeconds(60);

  private final NcclProcessGroup group;
  private final Device device;
  private final CudaMemory memory;
  private final int mostRounds;
  private final PrintStream out;

  private NcclBench(NcclProcessGroup group, Device device, int mostRounds, PrintStream out) {
    this.group = group;
    this.device = device;
    this.mostRounds = mostRounds;
    this.memory = new CudaMemory(device);
    this.out = out;
  }

  /** See the class. Ends with 1 where a result was wrong or NCCL cannot be used. */
  public static void main(String[] args) throws IOException {
    int rank = args.length < 3 ? 0 : Integer.parseInt(args[0]);
    int ranks = args.length < 3 ? 1 : Integer.parseInt(args[1]);
    Device device = new Device(Device.Kind.CUDA, args.length < 4 ? 0 : Integer.parseInt(args[3]));
    int rounds = args.length < 5 ? MOST_ROUNDS : Integer.parseInt(args[4]);
    long wrong;
    try {
      long start = System.nanoTime();
      NcclUniqueId id = args.length < 3 ? NcclUniqueId.create() : exchange(rank, Path.of(args[2]));
      say("NCCL %s loaded and asked for an id in %d ms", Nccl.version(), millis(start));
      start = System.nanoTime();
      NcclConfig config = new NcclConfig(rank, ranks, 1, device, id, DEADLINE);
      try (NcclProcessGroup group = NcclProcessGroup.join(config)) {
        say("rank %d of %d joined in %d ms", rank, ranks, millis(start));
        NcclBench bench = new NcclBench(group, device, rounds, System.out);
        wrong = bench.checkHost() + bench.measureAll();
        bench.measureCopies();
        start = System.nanoTime();
      }
      say("closed in %d ms", millis(start));
      if (ranks == 1) {
        abortWhileAlone(device);
      }
    } catch (NcclUnavailableException | CollectiveException e) {
      say("FAILED: %s", e.getMessage());
      wrong = 1;
    }
    System.out.flush();
    // A thread may still be inside the library, which ends a group that was aborted.
    Runtime.getRuntime().halt(wrong == 0 ? 0 : 1);
  }

  private static void say(String format, Object... values) {
    System.out.println(String.format(Locale.ROOT, format, values));
  }

  private static long millis(long start) {
    return TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start);
  }

  private static NcclUniqueId exchange(int rank, Path file) throws IOException {
    if (rank == 0) {
      NcclUniqueId id = NcclUniqueId.create();
      Path written = Files.write(file.resolveSibling(file.getFileName() + ".new"), id.bytes());
      Files.move(written, file, StandardCopyOption.ATOMIC_MOVE);
      return id;
    }
    long start = System.nanoTime();
    while (!Files.exists(file)) {
      if (System.nanoTime() - start > DEADLINE.toNanos()) {
        throw new IOException("rank 0 has written no id to " + file);
      }
      LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20));
    }
    return new NcclUniqueId(Files.readAllBytes(file));
  }

  /** Buffers of the host take another way. */
  private long checkHost() {
    TensorBuffer host = group.allocate(DType.FLOAT32, 100_003);
    long wrong = check(host, host);
    group.barrier().await();
    say("all-reduce of a buffer of the host: %d wrong", wrong);
    return wrong;
  }

  private long measureAll() {
    say("%s", BenchRow.header());
    long wrong = 0;
    TensorBuffer room = group.allocate(device, DType.FLOAT32, SIZES.get(SIZES.size() - 1) / 4);
    TensorBuffer host = group.allocate(DType.FLOAT32, room.count());
    for (long bytes : SIZES) {
      TensorBuffer buffer = room.slice(0, bytes / 4);
      wrong += measure(buffer, host.slice(0, buffer.count()));
    }
    return wrong;
  }

  private long measure(TensorBuffer buffer, TensorBuffer host) {
    long wrong = check(buffer, host);
    memory.enqueueZero(buffer);
    int rounds = (int) Math.max(20, Math.min(MOST_ROUNDS, ROUND_BYTES / buffer.byteCount() / 4));
    rounds = Math.min(rounds, mostRounds);
    for (int i = 0; i < Math.max(5, rounds / 10); i++) {
      group.allReduce(buffer, ReduceOp.SUM).await();
    }
    group.barrier().await();
    long start = System.nanoTime();
    for (int i = 0; i < rounds; i++) {
      group.allReduce(buffer, ReduceOp.SUM).await();
    }
    double seconds = (System.nanoTime() - start) / 1e9 / rounds;
    if (group.rank() == 0) {
      double algbw = buffer.byteCount() / seconds / 1e9;
      double bus = algbw * 2 * (group.worldSize() - 1) / group.worldSize();
      out.println(
          new BenchRow(buffer.byteCount(), buffer.count(), seconds * 1e6, algbw, bus, wrong)
              .line());
    }
    return wrong;
  }

  /** Small whole numbers, so that sums are exact in every order. */
  private long check(TensorBuffer buffer, TensorBuffer host) {
    int count = Math.toIntExact(host.count());
    ByteBuffer view = NativeMemory.view(host.address(), Math.toIntExact(host.byteCount()));
    SplittableRandom mine = new SplittableRandom(group.rank());
    for (int i = 0; i < count; i++) {
      view.putFloat(4 * i, mine.nextInt(VALUES));
    }
    if (!host.equals(buffer)) {
      memory.enqueueCopy(host, buffer);
    }
    group.allReduce(buffer, ReduceOp.SUM).await();
    if (!host.equals(buffer)) {
      memory.copy(buffer, host);
    }
    SplittableRandom[] all = new SplittableRandom[group.worldSize()];
    Arrays.setAll(all, SplittableRandom::new);
    long wrong = 0;
    for (int i = 0; i < count; i++) {
      float expected = 0;
      for (SplittableRandom each : all) {
        expected += each.nextInt(VALUES);
      }
      wrong += view.getFloat(4 * i) == expected ? 0 : 1;
    }
    return wrong;
  }

  private void measureCopies() {
    long count = 64L << 20;
    try (DeviceMemory.Piece one = memory.allocate(device, DType.FLOAT32, count);
        DeviceMemory.Piece other = memory.allocate(device, DType.FLOAT32, count);
        DeviceMemory.Piece host = memory.allocate(Device.CPU, DType.FLOAT32, count)) {
      measureCopy("device to device", one.buffer(), other.buffer());
      measureCopy("page-locked host to device", host.buffer(), one.buffer());
      measureCopy("device to page-locked host", one.buffer(), host.buffer());
    }
  }

  private void measureCopy(String what, TensorBuffer from, TensorBuffer to) {
    int rounds = 20;
    memory.copy(from, to);
    long start = System.nanoTime();
    for (int i = 0; i < rounds; i++) {
      memory.enqueueCopy(from, to);
    }
    memory.synchronize(device);
    double seconds = (System.nanoTime() - start) / 1e9 / rounds;
    say("copy, %s: %.1f GB/s", what, from.byteCount() / seconds / 1e9);
  }

  /** Joins for two, alone, and aborts: who waits must come back at once. */
  private static void abortWhileAlone(Device device) {
    AbortSwitch abort = new AbortSwitch();
    NcclConfig config =
        new NcclConfig(0, 2, 2, device, NcclUniqueId.create(), Duration.ofSeconds(30));
    long[] aborted = new long[1];
    Thread aborter =
        new Thread(
            () -> {
              LockSupport.parkNanos(TimeUnit.SECONDS.toNanos(2));
              aborted[0] = System.nanoTime();
              abort.abort("the bench wants to see how long it takes");
            },
            "nccl-bench-abort");
    aborter.start();
    try (ProcessGroup group = NcclProcessGroup.join(config, abort, Optional.empty())) {
      say("FAILED: joined a formation of two alone: %s", group);
    } catch (CollectiveException e) {
      say(
          "abort while a peer is missing: who waits to join is back %d ms after it was asked for,"
              + " %s; NCCL ends behind that",
          millis(aborted[0]), e.reason());
    }
  }
}
