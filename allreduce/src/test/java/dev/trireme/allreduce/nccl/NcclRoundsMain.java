package dev.trireme.allreduce.nccl;

import dev.trireme.allreduce.AbortSwitch;
import dev.trireme.allreduce.CollectiveChecks;
import dev.trireme.allreduce.CollectiveChecks.Check;
import dev.trireme.allreduce.CollectiveChecks.Collective;
import dev.trireme.allreduce.CollectiveChecks.Memory;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.ProcessGroup;
import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.collective.Work;
import dev.trireme.api.tensor.DType;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.EnumSet;
import java.util.HexFormat;
import java.util.Optional;
import java.util.Random;

/**
 * A rank process that meets others again and again, as lines on its standard input say:
 *
 * <ul>
 *   <li>{@code id}: prints {@code ID} and a new unique id;
 *   <li>{@code check SIZE ID}: joins the first SIZE ranks, runs checks of the collectives, and
 *       prints {@code BITS}, a hash of all results, and how many they were;
 *   <li>{@code hang SIZE ID}: joins them, starts what the stand-ins let hang, and prints {@code
 *       WAITING}; the next line aborts it: prints {@code LEFT} with the milliseconds from that line
 *       to the failure, and {@code FAILED};
 *   <li>{@code alone SIZE ID}: the same, but that rank 1 starts nothing, which is why the others
 *       hang; it says {@code WAITING} as they do, and at the next line leaves.
 * </ul>
 */
final class NcclRoundsMain {
  private static final int CHECKS = Integer.getInteger("trireme.test.checks", 40);

  /** All but messages, for which there is no companion here. */
  private static final Collective[] COLLECTIVES =
      EnumSet.complementOf(EnumSet.of(Collective.SEND_RECEIVE)).toArray(Collective[]::new);

  private static final Duration TIMEOUT = Duration.ofSeconds(60);

  private final BufferedReader in =
      new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
  private final int rank;
  private volatile long heardNanos;

  private NcclRoundsMain(int rank) {
    this.rank = rank;
  }

  /**
   * @param args folder of the stand-ins, rank
   */
  public static void main(String[] args) throws Exception {
    NcclRankMain.load(args[0]);
    new NcclRoundsMain(Integer.parseInt(args[1])).run();
  }

  private void run() throws Exception {
    for (String line; (line = in.readLine()) != null; ) {
      String[] words = line.split(" ");
      switch (words[0]) {
        case "id" -> {
          Nccl.load();
          System.out.println("ID " + HexFormat.of().formatHex(NcclUniqueId.create().bytes()));
        }
        case "check" -> check(config(words));
        case "hang" -> hang(config(words));
        case "alone" -> alone(config(words));
        default -> throw new IllegalArgumentException(line);
      }
    }
  }

  private NcclConfig config(String[] words) {
    NcclUniqueId id = new NcclUniqueId(HexFormat.of().parseHex(words[2]));
    return NcclGroups.config(
        rank, Integer.parseInt(words[1]), NcclGroups.device(rank), id, TIMEOUT);
  }

  /** A sample that is the same on all ranks. */
  private static void check(NcclConfig config) {
    Random random = new Random(config.worldSize());
    long[] counts = {0, 1, 3, 127, 64L * config.worldSize(), 20_011};
    int hash = 0;
    try (ProcessGroup group = NcclProcessGroup.join(config)) {
      for (int i = 0; i < CHECKS; i++) {
        Check check =
            new Check(
                one(COLLECTIVES, random),
                one(DType.values(), random),
                counts[random.nextInt(counts.length)],
                one(ReduceOp.values(), random),
                random.nextInt(config.worldSize()),
                one(Memory.values(), random));
        int bits =
            random.nextBoolean()
                ? CollectiveChecks.run(group, check, (t, n) -> NcclGroups.onDevice(group, t, n))
                : CollectiveChecks.run(group, check);
        hash = 31 * hash + bits;
      }
      group.barrier().await();
    }
    System.out.printf("BITS %08x of %d checks%n", hash, CHECKS);
  }

  private static <T> T one(T[] of, Random random) {
    return of[random.nextInt(of.length)];
  }

  private void hang(NcclConfig config) throws InterruptedException {
    AbortSwitch abort = new AbortSwitch();
    try (ProcessGroup group = NcclProcessGroup.join(config, abort, Optional.empty())) {
      Work work = group.allReduce(NcclGroups.onDevice(group, DType.FLOAT32, 1000), ReduceOp.SUM);
      if (work.await(Duration.ofMillis(50))) {
        throw new IllegalStateException("it was to hang");
      }
      Thread watch = new Thread(() -> abort(abort), "abort-on-a-line");
      watch.start();
      System.out.println("WAITING");
      try {
        work.await();
      } catch (CollectiveException e) {
        long leftNanos = System.nanoTime();
        watch.join();
        System.out.println("LEFT " + (leftNanos - heardNanos) / 1e6);
        System.out.println("FAILED " + e.reason() + " " + e.getMessage());
      }
    }
  }

  private void alone(NcclConfig config) throws Exception {
    if (rank != 1) {
      hang(config);
      return;
    }
    try (ProcessGroup group = NcclProcessGroup.join(config)) {
      System.out.println("WAITING");
      group.abort(in.readLine());
    }
    System.out.println("LEFT 0");
    System.out.println("FAILED not, it started nothing");
  }

  private void abort(AbortSwitch abort) {
    try {
      String why = in.readLine();
      heardNanos = System.nanoTime();
      abort.abort(why);
    } catch (IOException e) {
      abort.abort(e.getMessage());
    }
  }
}
