package dev.trireme.allreduce.bench;

import io.aeron.driver.MediaDriver;
import io.aeron.driver.ThreadingMode;
import java.io.IOException;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.agrona.concurrent.BackoffIdleStrategy;

/**
 * Measures all-reduces between rank processes: starts a media driver in this process and the ranks
 * as its children, and watches them until all is measured or one of them fails.
 */
public final class AllReduceBench {
  private static final long NAP_NANOS = TimeUnit.MILLISECONDS.toNanos(1);
  private static final long WATCH_MILLIS = 10;

  /** What a rank needs beside its buffer, and its streams: each pair has two logs of 768 KiB. */
  private static final long RANK_BYTES = 1L << 20;

  private static final long PAIR_BYTES = 2L << 20;
  private static final long DRIVER_BYTES = 8L << 20;

  /** Room for 8192 counters for each 32 ranks; a stream takes about four. */
  private static final int COUNTERS_LENGTH = 1 << 20;

  private static final int FEW_RANKS = 32;

  private final List<BenchProcess> ranks = new ArrayList<>();
  private final BenchPlan plan;
  private final String task;
  private final Consumer<BenchRow> each;
  private final Consumer<BenchTask.Report> reports;
  private int measured;
  private boolean told;

  private AllReduceBench(
      BenchPlan plan, String task, Consumer<BenchRow> each, Consumer<BenchTask.Report> reports) {
    this.plan = plan;
    this.task = task;
    this.each = each;
    this.reports = reports;
  }

  /**
   * Measures each size of the plan.
   *
   * <p>Blocking: until all is measured; an interrupt ends it. No process and no file is left when
   * it returns or throws.
   *
   * @param jvm with a device for each rank where the plan is for NCCL
   * @param memory a directory on a file system in memory, such as {@code /dev/shm}
   * @param each takes a row as soon as it is measured, on the calling thread
   * @throws BenchException when there is no room, or a rank failed, which it names; what ranks
   *     wrote to standard error is on this process's own
   */
  public static void measure(BenchPlan plan, RankJvm jvm, Path memory, Consumer<BenchRow> each)
      throws BenchException, InterruptedException {
    if (plan.transport() == BenchTransport.NCCL && jvm.devices().size() < plan.ranks()) {
      throw new BenchException(
          "NCCL needs a CUDA device for each of the "
              + plan.ranks()
              + " ranks, found "
              + jvm.devices().size());
    }
    String task = BenchTask.MEASURE.toString();
    new AllReduceBench(plan, task, each, report -> {}).start(jvm, memory);
  }

  /**
   * Has the ranks try something out for a while; the largest size and the algorithm of the plan
   * count. Otherwise as {@link #measure}.
   *
   * @param plan not for NCCL
   * @param task not MEASURE
   * @param length at least 1 ms
   * @param reports takes the report of each rank, on the calling thread
   */
  public static void tryOut(
      BenchPlan plan,
      BenchTask task,
      Duration length,
      RankJvm jvm,
      Path memory,
      Consumer<BenchTask.Report> reports)
      throws BenchException, InterruptedException {
    String words = new BenchTask.Trial(task, length).words();
    new AllReduceBench(plan, words, row -> {}, reports).start(jvm, memory);
  }

  private void start(RankJvm jvm, Path memory) throws BenchException, InterruptedException {
    long pairs = (long) plan.ranks() * (plan.ranks() - 1) / 2;
    long bytes = plan.ranks() * (plan.largest() + RANK_BYTES) + pairs * PAIR_BYTES + DRIVER_BYTES;
    if (plan.transport() == BenchTransport.NCCL) {
      startWithoutDriver(jvm, memory);
      return;
    }
    try (BenchDirectory directory = BenchDirectory.create(memory, bytes);
        MediaDriver driver = MediaDriver.launch(driver(directory.path().resolve("aeron"), plan))) {
      run(jvm, driver.aeronDirectoryName(), directory.path());
    } catch (IOException e) {
      throw new BenchException("cannot start the ranks: " + e, e);
    }
  }

  private void startWithoutDriver(RankJvm jvm, Path memory)
      throws BenchException, InterruptedException {
    try (BenchDirectory directory = BenchDirectory.create(memory, RANK_BYTES)) {
      run(jvm, "", directory.path());
    } catch (IOException e) {
      throw new BenchException("cannot start the ranks: " + e, e);
    }
  }

  private static MediaDriver.Context driver(Path directory, BenchPlan plan) {
    int ranks = plan.ranks();
    return new MediaDriver.Context()
        .aeronDirectoryName(directory.toString())
        .threadingMode(ThreadingMode.SHARED)
        .sharedIdleStrategy(new BackoffIdleStrategy(0, 0, NAP_NANOS / 50, NAP_NANOS))
        .counterValuesBufferLength(ranks > FEW_RANKS ? 4 * COUNTERS_LENGTH : COUNTERS_LENGTH)
        .termBufferSparseFile(true)
        .dirDeleteOnShutdown(true);
  }

  private void run(RankJvm jvm, String aeron, Path shared)
      throws IOException, BenchException, InterruptedException {
    long formation = new SecureRandom().nextLong();
    List<String> words = new ArrayList<>(List.of(task));
    words.addAll(plan.words());
    try {
      for (int rank = 0; rank < plan.ranks(); rank++) {
        ranks.add(BenchProcess.start(jvm, rank, words, aeron, shared, formation));
      }
      boolean alive = true;
      while (alive) {
        Thread.sleep(WATCH_MILLIS);
        alive = ranks.stream().anyMatch(BenchProcess::isAlive);
        // In this order: what a rank says before it ends is read after its end was seen.
        Optional<BenchProcess> failed = ranks.stream().filter(BenchProcess::hasFailed).findFirst();
        for (BenchProcess rank : ranks) {
          rank.poll(this::row, text -> reports.accept(BenchTask.Report.parse(text)));
        }
        exchangeEndpoints();
        if (failed.isPresent()) {
          throw verdict(failed.get());
        }
      }
    } finally {
      ranks.forEach(BenchProcess::kill);
      for (BenchProcess rank : ranks) {
        rank.awaitEnd();
      }
    }
  }

  /**
   * Tells every rank where all listen, once all have said it. Ranks that share memory listen
   * nowhere; over NCCL, where they meet is the unique id of rank 0.
   */
  private void exchangeEndpoints() {
    if (!told && ranks.stream().allMatch(rank -> rank.endpoint().isPresent())) {
      told = true;
      String all =
          ranks.stream().map(r -> r.endpoint().orElseThrow()).collect(Collectors.joining(" "));
      ranks.forEach(rank -> rank.tell(all));
    }
  }

  private void row(String text) {
    String[] words = text.split(" ");
    measured++;
    each.accept(
        BenchRow.of(
            Long.parseLong(words[0]),
            plan.ranks(),
            Double.parseDouble(words[1]),
            Long.parseLong(words[2])));
  }

  /** The one who failed may only be the first to miss another, whom it names. */
  private BenchException verdict(BenchProcess failed) {
    long bytes = plan.sizes().get(Math.min(measured, plan.sizes().size() - 1));
    String where =
        task.equals(BenchTask.MEASURE.toString())
            ? "while " + bytes + " bytes were measured"
            : "during the trial";
    Optional<String> said = failed.failure();
    int suspect = said.map(s -> Integer.parseInt(s.split(" ")[0])).orElse(failed.rank());
    BenchProcess culprit = suspect >= 0 ? ranks.get(suspect) : failed;
    String how =
        culprit.hasFailed() && culprit.failure().isEmpty()
            ? "rank " + culprit.rank() + " " + culprit.end()
            : "rank " + failed.rank() + " gave up";
    String verdict = said.map(s -> ": " + s.substring(s.indexOf(' ') + 1)).orElse("");
    return new BenchException(culprit.rank(), how + " " + where + verdict);
  }
}
