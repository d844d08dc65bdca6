package dev.trireme.allreduce.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.allreduce.group.AllReduceAlgorithm;
import dev.trireme.allreduce.nccl.Standins;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class AllReduceBenchTest {
  private static final String MAIN = BenchRank.class.getName();

  @TempDir Path memory;

  @ParameterizedTest
  @EnumSource(names = {"IPC", "UDP"})
  void shouldMeasureEverySizeWithoutAWrongElementAndLeaveNothing(BenchTransport transport)
      throws Exception {
    List<BenchRow> rows = new ArrayList<>();
    BenchPlan plan =
        new BenchPlan(
            2,
            List.of(4L, 40_000L),
            Optional.of(AllReduceAlgorithm.RING),
            transport,
            OptionalInt.of(3),
            OptionalInt.of(0));
    AllReduceBench.measure(plan, RankJvm.likeThisOne(), memory, rows::add);
    assertThat(rows).extracting(BenchRow::bytes).containsExactly(4L, 40_000L);
    assertThat(rows)
        .allSatisfy(
            row -> {
              assertThat(row.wrong()).isZero();
              assertThat(row.timeUs()).isPositive();
              assertThat(row.count()).isEqualTo(row.bytes() / 4);
            });
    assertThat(memory).isEmptyDirectory();
  }

  private static BenchPlan overNccl(int ranks) {
    return new BenchPlan(
        ranks,
        List.of(4L, 400_000L),
        Optional.empty(),
        BenchTransport.NCCL,
        OptionalInt.of(3),
        OptionalInt.of(1));
  }

  /** On the stand-ins for NCCL and CUDA. */
  @Test
  void shouldMeasureOverNcclWithADeviceForEachRank() throws Exception {
    Path standins = Standins.folder();
    // Preloaded, since a runtime of CUDA that is installed here would be found first.
    String libraries =
        Stream.of("libcuda.so.1", "libcudart.so.13", "libnccl.so.2")
            .map(library -> standins.resolve(library).toString())
            .collect(Collectors.joining(":"));
    RankJvm jvm =
        new RankJvm(
            RankJvm.likeThisOne().command(),
            Map.of("LD_PRELOAD", libraries),
            List.of("GPU-00000005", "2"));
    List<BenchRow> rows = new ArrayList<>();
    AllReduceBench.measure(overNccl(2), jvm, memory, rows::add);
    assertThat(rows).extracting(BenchRow::bytes).containsExactly(4L, 400_000L);
    assertThat(rows).allMatch(row -> row.wrong() == 0 && row.timeUs() > 0);
    RankJvm shared = jvm.with(List.of("2", "2"));
    assertThatThrownBy(() -> AllReduceBench.measure(overNccl(2), shared, memory, rows::add))
        .isInstanceOf(BenchException.class)
        .hasMessageContainingAll("Duplicate GPU detected", "CUDA_VISIBLE_DEVICES");
    assertThat(memory).isEmptyDirectory();
  }

  @Test
  void shouldRefuseToMeasureOverNcclWithoutADeviceForEachRank() {
    RankJvm jvm = RankJvm.likeThisOne().with(List.of("0"));
    assertThatThrownBy(() -> AllReduceBench.measure(overNccl(2), jvm, memory, row -> {}))
        .isInstanceOf(BenchException.class)
        .hasMessageContaining("a CUDA device for each of the 2 ranks, found 1");
  }

  @Test
  void shouldSoakAtMixedSizesAndReportOfEveryRank() throws Exception {
    List<BenchTask.Report> reports = new ArrayList<>();
    AllReduceBench.tryOut(
        BenchPlan.of(2, List.of(40_000L)),
        BenchTask.SOAK,
        Duration.ofMillis(300),
        RankJvm.likeThisOne(),
        memory,
        reports::add);
    assertThat(reports).extracting(BenchTask.Report::rank).containsExactlyInAnyOrder(0, 1);
    assertThat(reports)
        .allSatisfy(
            report -> {
              assertThat(report.rounds()).isPositive();
              assertThat(report.wrong()).isZero();
              assertThat(report.seconds()).isGreaterThanOrEqualTo(0.3);
            });
    assertThat(memory).isEmptyDirectory();
  }

  @Test
  void shouldNameARankThatDiesAndLeaveNothing() {
    BenchPlan endless =
        new BenchPlan(
            3,
            List.of(4L, 4096L),
            Optional.empty(),
            BenchTransport.IPC,
            OptionalInt.of(Integer.MAX_VALUE),
            OptionalInt.of(0));
    AtomicReference<ProcessHandle> victim = new AtomicReference<>();
    Thread killer = new Thread(() -> victim.set(killRank(2)), "killer");
    killer.start();
    assertThatThrownBy(
            () -> AllReduceBench.measure(endless, RankJvm.likeThisOne(), memory, row -> {}))
        .isInstanceOfSatisfying(BenchException.class, e -> assertThat(e.rank()).isEqualTo(2))
        .hasMessageContaining("rank 2 was killed by signal 9 while 4 bytes were measured");
    assertThat(victim.get()).isNotNull();
    assertThat(memory).isEmptyDirectory();
    assertThat(ranks()).isEmpty();
  }

  @Test
  void shouldSayHowMuchRoomIsMissing() {
    assertThatThrownBy(() -> BenchDirectory.create(memory, Long.MAX_VALUE))
        .hasMessageContaining("no room in " + memory)
        .hasMessageContaining(Long.MAX_VALUE + " bytes are needed");
    assertThat(memory).isEmptyDirectory();
  }

  @Test
  void shouldSweepWhatAnOwnerThatWasKilledHasLeft() throws Exception {
    Path dead = Files.createDirectory(memory.resolve("trireme-bench-1"));
    Files.createFile(dead.resolve("lock"));
    Path unknown = Files.createDirectory(memory.resolve("trireme-bench-2"));
    try (BenchDirectory first = BenchDirectory.create(memory, 0);
        BenchDirectory second = BenchDirectory.create(memory, 0)) {
      assertThat(dead).doesNotExist();
      assertThat(unknown).exists();
      assertThat(first.path()).exists();
      assertThat(second.path()).exists();
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 2, 6, BenchPlan.MAX_BYTES + 4})
  void shouldRefuseSizesThatAreNone(long bytes) {
    assertThatThrownBy(() -> BenchPlan.of(2, List.of(bytes)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("found " + bytes);
  }

  /** Kills it once all ranks have joined, which is when the names of their memories are gone. */
  private ProcessHandle killRank(int rank) {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
    while (System.nanoTime() < deadline) {
      Optional<ProcessHandle> found =
          ranks().stream()
              .filter(r -> List.of(r.info().arguments().orElseThrow()).contains(MAIN))
              .filter(r -> argumentAfterMain(r).equals(String.valueOf(rank)))
              .filter(r -> hasJoined())
              .findFirst();
      if (found.isPresent()) {
        found.get().destroyForcibly();
        return found.get();
      }
      Thread.onSpinWait();
    }
    throw new IllegalStateException("no rank " + rank + " to kill");
  }

  private boolean hasJoined() {
    try (Stream<Path> files = Files.walk(memory)) {
      // The driver makes a log for each stream: six between three ranks.
      return files.filter(f -> f.toString().endsWith(".logbuffer")).count() >= 6;
    } catch (IOException | UncheckedIOException e) {
      return false;
    }
  }

  private static String argumentAfterMain(ProcessHandle rank) {
    List<String> words = List.of(rank.info().arguments().orElseThrow());
    return words.get(words.indexOf(MAIN) + 1);
  }

  private static List<ProcessHandle> ranks() {
    return ProcessHandle.current()
        .children()
        .filter(c -> c.info().arguments().filter(a -> List.of(a).contains(MAIN)).isPresent())
        .toList();
  }

  @Test
  void shouldComputeBandwidthsAsNcclTestsDoes() {
    BenchRow row = BenchRow.of(1_000_000_000, 4, 0.5, 0);
    assertThat(row.algbwGBs()).isEqualTo(2);
    assertThat(row.busbwGBs()).isEqualTo(3);
    assertThat(row.json())
        .isEqualTo(
            "{\"bytes\":1000000000,\"count\":250000000,\"dtype\":\"float32\",\"op\":\"sum\","
                + "\"timeUs\":500000.000,\"algbwGBs\":2.0000,\"busbwGBs\":3.0000,\"wrong\":0}");
  }
}
