package dev.trireme.allreduce.nccl;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.allreduce.process.RankProcess;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Ranks as real processes, on the stand-ins. */
@Timeout(120)
class NcclProcessesTest {
  private static final long LONG_MILLIS = 60_000;

  /** An abort is seen within 100 ms; the rest is what a crowded machine may take. */
  private static final long SOON_NANOS = TimeUnit.SECONDS.toNanos(2);

  private final List<RankProcess> processes = new ArrayList<>();

  @AfterEach
  void killAll() {
    processes.forEach(RankProcess::kill);
    Standins.faults("");
  }

  private List<RankProcess> start(int worldSize, long deadlineMillis) {
    Path standins = Standins.folder();
    for (int rank = 0; rank < worldSize; rank++) {
      processes.add(start(standins.toString(), rank, worldSize, deadlineMillis, Map.of()));
    }
    String id = processes.get(0).await("ID");
    processes.subList(1, worldSize).forEach(rank -> rank.tell(id));
    return processes;
  }

  private static RankProcess start(
      String standins,
      int rank,
      int worldSize,
      long deadlineMillis,
      Map<String, String> environment) {
    return new RankProcess(
        rank,
        RankProcess.java(
            NcclRankMain.class,
            List.of(),
            List.of(
                standins,
                String.valueOf(rank),
                String.valueOf(worldSize),
                String.valueOf(rank),
                String.valueOf(deadlineMillis))),
        environment);
  }

  /** Those that meet again and again, so that a round costs no start of a JVM. */
  private List<RankProcess> startForRounds(int worldSize) {
    String standins = Standins.folder().toString();
    for (int rank = 0; rank < worldSize; rank++) {
      processes.add(
          new RankProcess(
              rank,
              RankProcess.java(
                  NcclRoundsMain.class,
                  // What it does is soon done; to compile it well takes longer.
                  List.of("-XX:TieredStopAtLevel=1"),
                  List.of(standins, String.valueOf(rank)))));
    }
    return processes;
  }

  private static void tell(List<RankProcess> ranks, String what) {
    ranks.get(0).tell("id");
    String id = ranks.get(0).await("ID");
    ranks.forEach(rank -> rank.tell(what + " " + ranks.size() + " " + id));
  }

  @Test
  void shouldDoLikeTheReferenceWithTheSameBitsInOneToFourProcesses() {
    List<RankProcess> four = startForRounds(4);
    for (int worldSize = 1; worldSize <= 4; worldSize++) {
      List<RankProcess> ranks = four.subList(0, worldSize);
      tell(ranks, "check");
      List<String> bits = ranks.stream().map(rank -> rank.await("BITS")).toList();
      System.out.println("NCCL: " + worldSize + " rank processes, bits " + bits.get(0));
      assertThat(bits).containsOnly(bits.get(0));
      assertThat(bits.get(0)).endsWith(" of 40 checks").doesNotStartWith("00000000");
    }
  }

  /** By the ranks' own clocks, from the word of their agent on. */
  @Test
  void shouldLeaveAnOperationThatHangsWithin100MillisOfAnAbort() {
    List<RankProcess> ranks = startForRounds(2);
    Standins.faults("hang 0 0\nhang 1 0\n");
    List<Long> nanos = new ArrayList<>();
    for (int round = 0; round < 9; round++) {
      tell(ranks, "hang");
      ranks.forEach(rank -> rank.await("WAITING"));
      String why = "round " + round;
      ranks.forEach(rank -> rank.tell(why));
      for (RankProcess rank : ranks) {
        nanos.add((long) (1e6 * Double.parseDouble(rank.await("LEFT"))));
        assertThat(rank.await("FAILED")).startsWith("ABORTED ").contains("aborted: " + why);
      }
    }
    AbortTimes.shouldBeAsPromised("2 rank processes", nanos);
  }

  /** As a rank does that a peer has not reached. */
  @Test
  void shouldLeaveAnOperationThatItsPeerHasNotStarted() {
    List<RankProcess> ranks = startForRounds(3);
    tell(ranks, "alone");
    ranks.forEach(rank -> rank.await("WAITING"));
    // One after the other: NCCL may let the rest end well, with rubbish, once one has ended.
    for (int rank : new int[] {0, 2}) {
      ranks.get(rank).tell("rank 1 is late");
      assertThat(ranks.get(rank).await("FAILED"))
          .startsWith("ABORTED ")
          .contains("aborted: rank 1 is late");
    }
    ranks.get(1).tell("rank 1 is late");
    ranks.get(1).await("FAILED");
  }

  @Test
  void shouldLeaveAnOperationWhosePeerWasKilledWhenTold() {
    List<RankProcess> ranks = start(3, LONG_MILLIS);
    ranks.forEach(rank -> rank.await("RUNNING"));
    ranks.get(1).kill();
    ranks.get(1).exitCode(10, TimeUnit.SECONDS);
    long start = System.nanoTime();
    for (int rank : new int[] {0, 2}) {
      ranks.get(rank).tell("rank 1 has exited");
    }
    for (int rank : new int[] {0, 2}) {
      assertThat(ranks.get(rank).await("FAILED"))
          .startsWith("ABORTED ")
          .contains(
              "generation 7",
              "rank " + rank + " (cuda:" + rank + ")",
              "all-reduce (sum) of 1048576 FLOAT32 for bucket 1 of 1",
              "rank 1 has exited");
      assertThat(System.nanoTime() - start).isLessThan(SOON_NANOS);
      assertThat(ranks.get(rank).exitCode(30, TimeUnit.SECONDS)).isEqualTo(3);
    }
  }

  @Test
  void shouldLeaveAnOperationWhosePeerWasKilledWhenItsDeadlineHasPassed() {
    // They must meet within it, too, on a machine that is busy.
    List<RankProcess> ranks = start(2, 6_000);
    ranks.forEach(rank -> rank.await("RUNNING"));
    ranks.get(0).kill();
    assertThat(ranks.get(1).await("FAILED"))
        .startsWith("DEADLINE ")
        .contains("its deadline of 6000 ms has passed", "NCCL does not tell which rank");
    assertThat(ranks.get(1).exitCode(30, TimeUnit.SECONDS)).isEqualTo(3);
  }

  @Test
  void shouldSayWhichInterfaceNcclWasToldToUse() {
    Path standins = Standins.folder();
    RankProcess rank =
        start(standins.toString(), 0, 1, LONG_MILLIS, Map.of("NCCL_SOCKET_IFNAME", "absent0"));
    processes.add(rank);
    assertThat(rank.await("UNAVAILABLE"))
        .startsWith("INTERFACE ")
        .contains("no socket interface found", "NCCL_SOCKET_IFNAME is 'absent0'");
  }

  @Test
  void shouldSayWhichLibraryIsMissingAndWhereItWasLookedFor() {
    Standins.load();
    RankProcess rank =
        new RankProcess(
            0,
            RankProcess.java(
                NcclRankMain.class,
                // Whatever this machine has, it is not found, nor is the glue.
                List.of(
                    "-Dorg.bytedeco.javacpp.findLibraries=false", "-Djava.library.path=/absent"),
                List.of("", "0", "1", "0", "1000")),
            Map.of("LD_LIBRARY_PATH", "/absent/too"));
    processes.add(rank);
    assertThat(rank.await("UNAVAILABLE"))
        .startsWith("LIBRARY ")
        .contains("libcudart.so.13", "LD_LIBRARY_PATH ('/absent/too')", "(/absent");
  }
}
