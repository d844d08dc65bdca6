package dev.trireme.allreduce.bench;

import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.TensorBuffer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.agrona.UnsafeApi;

/** One rank's part in a trial; every rank calls the same. */
final class BenchTrial {
  /** Rounds between two looks at the clock, which rank 0 takes for all. */
  private static final int ROUNDS = 50;

  /** The part of a soak after which memory has found its size. */
  private static final double WARM_UP = 0.1;

  private static final long SEED = 7;

  private final ProcessGroup group;
  private final TensorBuffer room;
  private final TensorBuffer word;

  /**
   * @param room float32 in the group's memory, of the largest size
   * @param word one int64 there
   */
  BenchTrial(ProcessGroup group, TensorBuffer room, TensorBuffer word) {
    this.group = group;
    this.room = room;
    this.word = word;
  }

  /** All-reduces of sizes drawn alike on all ranks, from memory that is shared and that is not. */
  BenchTask.Report soak(Duration length) {
    SplittableRandom random = new SplittableRandom(SEED);
    long start = System.nanoTime();
    long warm = (long) (length.toNanos() * WARM_UP);
    long own = UnsafeApi.allocateMemory(room.byteCount());
    TensorBuffer foreign = TensorBuffer.cpu(own, DType.FLOAT32, room.count());
    double startMiB = -1;
    double cpu = cpuSeconds();
    long rounds = 0;
    long wrong = 0;
    try {
      while (decide(System.nanoTime() - start < length.toNanos())) {
        for (int i = 0; i < ROUNDS; i++) {
          TensorBuffer whole = random.nextBoolean() ? room : foreign;
          // As many small ones as large ones.
          double part = Math.pow(room.count(), random.nextDouble());
          long count = Math.max(1, Math.min(room.count(), (long) part));
          wrong += checked(whole.slice(0, count), random.nextInt(100));
          rounds++;
        }
        if (startMiB < 0 && System.nanoTime() - start > warm) {
          startMiB = residentMiB();
        }
      }
      return report(start, cpu, rounds, startMiB < 0 ? residentMiB() : startMiB, wrong);
    } finally {
      UnsafeApi.freeMemory(own);
    }
  }

  /** The last rank comes late by {@code length}; the others report what waiting for it took. */
  BenchTask.Report idle(Duration length) {
    group.barrier().await();
    long start = System.nanoTime();
    double cpu = cpuSeconds();
    double before = residentMiB();
    if (group.rank() == group.worldSize() - 1) {
      long until = start + length.toNanos();
      while (System.nanoTime() < until) {
        LockSupport.parkNanos(until - System.nanoTime());
      }
    }
    long wrong = checked(room.slice(0, Math.min(room.count(), 1024)), 1);
    return report(start, cpu, 1, before, wrong);
  }

  private BenchTask.Report report(
      long start, double cpu, long rounds, double startMiB, long wrong) {
    return new BenchTask.Report(
        group.rank(),
        (System.nanoTime() - start) / 1e9,
        cpuSeconds() - cpu,
        rounds,
        startMiB,
        residentMiB(),
        wrong);
  }

  /** Every element of rank r is r + {@code value}; small whole numbers, so that sums are exact. */
  private long checked(TensorBuffer buffer, int value) {
    for (long i = 0; i < buffer.count(); i++) {
      UnsafeApi.putFloat(buffer.address() + Float.BYTES * i, group.rank() + value);
    }
    group.allReduce(buffer, ReduceOp.SUM).await();
    int worldSize = group.worldSize();
    float expected = worldSize * value + worldSize * (worldSize - 1) / 2;
    long wrong = 0;
    for (long i = 0; i < buffer.count(); i++) {
      wrong += UnsafeApi.getFloat(buffer.address() + Float.BYTES * i) == expected ? 0 : 1;
    }
    return wrong;
  }

  private boolean decide(boolean mine) {
    UnsafeApi.putLong(word.address(), mine ? 1 : 0);
    group.broadcast(word, 0).await();
    return UnsafeApi.getLong(word.address()) == 1;
  }

  private static double cpuSeconds() {
    return ManagementFactory.getOperatingSystemMXBean()
            instanceof com.sun.management.OperatingSystemMXBean system
        ? system.getProcessCpuTime() / (double) TimeUnit.SECONDS.toNanos(1)
        : Double.NaN;
  }

  /** Linux alone tells; elsewhere 0. */
  private static double residentMiB() {
    Path status = Path.of("/proc/self/status");
    try {
      return Files.isReadable(status)
          ? Files.readAllLines(status).stream()
                  .filter(line -> line.startsWith("VmRSS:"))
                  .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", "")))
                  .sum()
              / 1024.0
          : 0;
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + status, e);
    }
  }
}
