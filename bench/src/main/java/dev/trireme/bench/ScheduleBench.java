package dev.trireme.bench;

import dev.trireme.api.job.ParallelSpec.DeviceKind;
import dev.trireme.api.job.QueueSpec.Placing;
import dev.trireme.api.job.WorkerCount;
import dev.trireme.coordinator.schedule.Need;
import dev.trireme.coordinator.schedule.Scheduler;
import dev.trireme.coordinator.schedule.Scheduler.Plan;
import dev.trireme.coordinator.schedule.Scheduler.Situation;
import dev.trireme.coordinator.schedule.WaitingJob;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.Locale;
import java.util.Random;

/**
 * How long a decision of the scheduler takes on a large cluster that is full, with a queue that
 * stays as long as it is: each job that starts is replaced by a new one, and each decision follows
 * the end of a job, so that it has something to give away.
 *
 * <p>Arguments: agents, jobs in the queue, decisions to measure.
 */
public final class ScheduleBench {
  private ScheduleBench() {}

  /** Prints one line. */
  public static void main(String[] args) {
    int agents = Integer.parseInt(args[0]);
    int queued = Integer.parseInt(args[1]);
    int decisions = Integer.parseInt(args[2]);
    Random random = new Random(1);
    System.gc();
    long before = used();
    LargeCluster cluster = new LargeCluster(agents);
    int number = 0;
    while (cluster.queued() < queued) {
      cluster.submit(job(++number, random));
    }
    // The first decision fills the empty cluster, before anything is compiled.
    long start = System.nanoTime();
    Plan plan = Scheduler.decide(cluster.situation());
    final double cold = millis(System.nanoTime() - start);
    cluster.apply(plan, random);
    long[] nanos = new long[decisions];
    long[] cpu = new long[decisions];
    long allocated = 0;
    long started = 0;
    for (int i = -decisions / 4; i < decisions; i++) {
      while (cluster.queued() < queued) {
        cluster.submit(job(++number, random));
      }
      cluster.endNext();
      Situation now = cluster.situation();
      long bytes = allocated();
      long worked = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
      long from = System.nanoTime();
      plan = Scheduler.decide(now);
      long took = System.nanoTime() - from;
      if (i >= 0) {
        nanos[i] = took;
        cpu[i] = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() - worked;
        allocated += allocated() - bytes;
      }
      started += cluster.apply(plan, random);
    }
    System.gc();
    long after = used();
    Arrays.sort(nanos);
    Arrays.sort(cpu);
    System.out.printf(
        Locale.ROOT,
        "agents=%d slots=%d queued=%d running=%d decisions=%d started=%d cold_ms=%.1f p50_ms=%.2f"
            + " p90_ms=%.2f p99_ms=%.2f max_ms=%.2f cpu_p50_ms=%.2f cpu_p99_ms=%.2f allocated_kib=%d held_mib=%.1f%n",
        agents,
        cluster.slots(),
        cluster.queued(),
        cluster.running(),
        decisions,
        started,
        cold,
        millis(nanos[decisions / 2]),
        millis(nanos[decisions * 9 / 10]),
        millis(nanos[decisions * 99 / 100]),
        millis(nanos[decisions - 1]),
        millis(cpu[decisions / 2]),
        millis(cpu[decisions * 99 / 100]),
        allocated / decisions / 1024,
        (after - before) / 1048576.0);
  }

  /** Many small jobs and a few large ones, of fifty users, of whom some do most. */
  private static WaitingJob job(int number, Random random) {
    int dice = random.nextInt(100);
    int min =
        dice < 50 ? 1 : dice < 70 ? 2 : dice < 85 ? 4 + random.nextInt(5) : dice < 96 ? 16 : 64;
    int max = random.nextInt(5) == 0 ? 2 * min : min;
    Need need =
        switch (random.nextInt(10)) {
          case 0, 1 -> Need.CUDA;
          case 2 -> new Need(DeviceKind.CPU, 1 + random.nextInt(8), 0, 0);
          case 3 -> new Need(DeviceKind.CPU, 0, (1L + random.nextInt(16)) << 30, 0);
          default -> Need.SLOT;
        };
    int priority = random.nextInt(20) == 0 ? 1 + random.nextInt(3) : 0;
    return new WaitingJob(
        "job-" + number,
        new WorkerCount(min, max),
        need,
        priority,
        "user-" + (int) (50 * Math.pow(random.nextDouble(), 2)),
        random.nextInt(10) == 0 ? Placing.SPREAD : Placing.PACK,
        true,
        number);
  }

  private static double millis(long nanos) {
    return nanos / 1e6;
  }

  private static long used() {
    return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
  }

  private static long allocated() {
    return ManagementFactory.getThreadMXBean() instanceof com.sun.management.ThreadMXBean threads
        ? threads.getThreadAllocatedBytes(Thread.currentThread().getId())
        : 0;
  }
}
