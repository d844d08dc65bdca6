package dev.trireme.allreduce.nccl;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.allreduce.process.RankProcess;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;

/**
 * What {@link NcclProcessesTest} does on the stand-ins, on NCCL itself: every collective against
 * the reference in one to four rank processes, aborts of an operation whose peer is late, a rank
 * that is killed inside one. Started by hand on a machine with a GPU, as {@code bench/gpu/run.sh}
 * does:
 *
 * <pre>java ... -Dtrireme.test.devices=DEVICES dev.trireme.allreduce.nccl.NcclOnDevice RANKS</pre>
 *
 * <p>With fewer devices than ranks it takes an NCCL that lets ranks share one, 2.30 or newer, and
 * {@code NCCL_MULTI_RANK_GPU_ENABLE=1}. Ends with 1 at the first thing that is not as it should.
 */
final class NcclOnDevice {
  private static final int ROUNDS = 9;
  private static final long LONG_MILLIS = 60_000;
  private static final long DEADLINE_MILLIS = 10_000;
  private static final long EXIT_SECONDS = 60;

  private final int mostRanks;
  private final List<RankProcess> processes = new ArrayList<>();

  private NcclOnDevice(int mostRanks) {
    this.mostRanks = mostRanks;
  }

  /**
   * @param args the most ranks, from 2 to 4
   */
  public static void main(String[] args) {
    NcclOnDevice all = new NcclOnDevice(Integer.parseInt(args[0]));
    int code = 1;
    try {
      all.meetAgainAndAgain();
      all.killWhoIsInside(LONG_MILLIS);
      all.killWhoIsInside(DEADLINE_MILLIS);
      code = 0;
    } catch (AssertionError e) {
      System.out.println("FAILED: " + e.getMessage());
    } finally {
      all.processes.forEach(RankProcess::kill);
    }
    System.exit(code);
  }

  private List<RankProcess> start(Class<?> main, int ranks, List<String> more) {
    List<String> flags =
        List.of(
            "-Djava.library.path=" + System.getProperty("java.library.path"),
            "-Dorg.bytedeco.javacpp.findLibraries=false",
            "-Dtrireme.test.checks=" + System.getProperty("trireme.test.checks", "40"),
            "-Dtrireme.test.devices=" + System.getProperty("trireme.test.devices", "1"));
    List<RankProcess> started = new ArrayList<>();
    for (int rank = 0; rank < ranks; rank++) {
      List<String> arguments = new ArrayList<>(List.of("", String.valueOf(rank)));
      if (!more.isEmpty()) {
        arguments.addAll(
            List.of(String.valueOf(ranks), String.valueOf(NcclGroups.device(rank)), more.get(0)));
      }
      started.add(new RankProcess(rank, RankProcess.java(main, flags, arguments), Map.of()));
    }
    processes.addAll(started);
    return started;
  }

  private static void tell(List<RankProcess> ranks, String what) {
    ranks.get(0).tell("id");
    String id = ranks.get(0).await("ID");
    ranks.forEach(rank -> rank.tell(what + " " + ranks.size() + " " + id));
  }

  private void meetAgainAndAgain() {
    List<RankProcess> all = start(NcclRoundsMain.class, mostRanks, List.of());
    for (int worldSize = 1; worldSize <= mostRanks; worldSize++) {
      List<RankProcess> ranks = all.subList(0, worldSize);
      long start = System.nanoTime();
      tell(ranks, "check");
      List<String> bits = ranks.stream().map(rank -> rank.await("BITS")).toList();
      say("%d rank processes: bits %s of all, %d ms", worldSize, bits.get(0), millis(start));
      assertThat(bits).containsOnly(bits.get(0));
    }
    List<Long> nanos = new ArrayList<>();
    for (int round = 0; round < ROUNDS; round++) {
      List<RankProcess> two = all.subList(0, 2);
      tell(two, "alone");
      two.forEach(rank -> rank.await("WAITING"));
      String why = "round " + round;
      // The other's end would let this one's operation end well, with rubbish.
      two.get(0).tell(why);
      nanos.add((long) (1e6 * Double.parseDouble(two.get(0).await("LEFT"))));
      assertThat(two.get(0).await("FAILED")).startsWith("ABORTED ").contains(why);
      two.get(1).tell(why);
      two.get(1).await("FAILED");
    }
    AbortTimes.shouldBeAsPromised("an operation whose peer is late", nanos);
    all.forEach(RankProcess::kill);
  }

  /**
   * Told by their agent where the deadline is long, and by the deadline where nobody tells them.
   */
  private void killWhoIsInside(long deadlineMillis) {
    List<RankProcess> ranks =
        start(NcclRankMain.class, mostRanks, List.of(String.valueOf(deadlineMillis)));
    String id = ranks.get(0).await("ID");
    ranks.subList(1, mostRanks).forEach(rank -> rank.tell(id));
    ranks.forEach(rank -> say("a first all-reduce of 4 MiB was done %s ms", rank.await("RUNNING")));
    ranks.get(1).kill();
    ranks.get(1).exitCode(EXIT_SECONDS, TimeUnit.SECONDS);
    long start = System.nanoTime();
    List<RankProcess> left =
        IntStream.range(0, mostRanks).filter(rank -> rank != 1).mapToObj(ranks::get).toList();
    boolean told = deadlineMillis == LONG_MILLIS;
    if (told) {
      left.forEach(rank -> rank.tell("rank 1 has exited"));
    }
    for (RankProcess rank : left) {
      String why = rank.await("FAILED");
      say("after %d ms: %s", millis(start), why);
      assertThat(why).startsWith(told ? "ABORTED " : "DEADLINE ");
    }
    for (RankProcess rank : left) {
      assertThat(rank.exitCode(EXIT_SECONDS, TimeUnit.SECONDS)).isEqualTo(3);
    }
    say("and all have ended after %d ms", millis(start));
  }

  private static long millis(long start) {
    return TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start);
  }

  private static void say(String format, Object... values) {
    System.out.println(String.format(Locale.ROOT, format, values));
  }
}
