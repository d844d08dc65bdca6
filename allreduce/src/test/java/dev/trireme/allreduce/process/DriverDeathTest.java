package dev.trireme.allreduce.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.trireme.allreduce.AbortSwitch;
import dev.trireme.allreduce.AeronProcessGroup;
import dev.trireme.allreduce.Endpoint;
import dev.trireme.allreduce.GroupConfig;
import dev.trireme.allreduce.NetworkConfig;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.CollectiveException.Cause;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.agrona.IoUtil;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The media driver's process is stopped, continued, killed; and a rank wakes up too late. */
@Tag("long")
class DriverDeathTest {
  private static final Duration DEADLINE = Duration.ofSeconds(30);
  private static final int RANKS = 2;

  private final List<RankProcess> processes = new ArrayList<>();
  private Path root;
  private Path shared;
  private RankProcess driver;

  @BeforeEach
  void startDriver() throws IOException {
    Path memory = Path.of("/dev/shm");
    root =
        Files.isWritable(memory)
            ? Files.createTempDirectory(memory, "trireme-test-")
            : Files.createTempDirectory("trireme-test-");
    shared = Files.createDirectory(root.resolve("shared"));
    driver = DriverMain.start(root.resolve("aeron"));
    processes.add(driver);
  }

  @AfterEach
  void endAll() {
    processes.forEach(RankProcess::kill);
    processes.forEach(process -> process.exitCode(10, TimeUnit.SECONDS));
    IoUtil.delete(root.toFile(), true);
  }

  private List<RankProcess> startRanks(RankMain.Scenario scenario, long formation) {
    List<RankProcess> ranks = new ArrayList<>();
    for (int rank = 0; rank < RANKS; rank++) {
      Path aeron = root.resolve("aeron");
      GroupConfig config =
          new GroupConfig(rank, RANKS, 7, aeron, shared, 1000, RANKS * RANKS, formation, DEADLINE);
      List<String> command = new ArrayList<>(Host.java());
      command.addAll(List.of(RankMain.class.getName(), scenario.name()));
      command.addAll(RankMain.arguments(config));
      ranks.add(new RankProcess(rank, command));
    }
    processes.addAll(ranks);
    return ranks;
  }

  @Test
  void shouldGoOnWhenADriverThatWasStoppedGoesOn() {
    List<RankProcess> ranks = startRanks(RankMain.Scenario.CHECKED, 1);
    ranks.forEach(rank -> rank.await("RUNNING"));
    driver.signal("STOP");
    letPass(Duration.ofSeconds(3));
    driver.signal("CONT");
    ranks.forEach(rank -> rank.await("DONE"));
    ranks.forEach(rank -> assertThat(rank.exitCode(30, TimeUnit.SECONDS)).isZero());
  }

  @Test
  void shouldNameTheDriverThatStaysStopped() {
    List<RankProcess> ranks = startRanks(RankMain.Scenario.LOOP, 1);
    ranks.forEach(rank -> rank.await("RUNNING"));
    driver.signal("STOP");
    requireVerdictOnDriver(ranks);
  }

  @Test
  void shouldNameTheDriverThatWasKilledAndFormAgainWithTheNext() {
    List<RankProcess> ranks = startRanks(RankMain.Scenario.LOOP, 1);
    ranks.forEach(rank -> rank.await("RUNNING"));
    driver.kill();
    requireVerdictOnDriver(ranks);
    assertThat(names(root.resolve("aeron"))).isNotEmpty();
    processes.add(DriverMain.start(root.resolve("aeron")));
    assertThat(names(root.resolve("aeron"))).noneMatch(name -> name.endsWith(".logbuffer"));
    List<RankProcess> next = startRanks(RankMain.Scenario.CHECKED, 2);
    next.forEach(rank -> rank.await("DONE"));
  }

  /** Its clients give a driver 5 seconds to answer; an abort does not. */
  @Test
  void shouldEndJoiningAmongHostsWhereTheDriverIsStopped() throws Exception {
    AbortSwitch abort = new AbortSwitch();
    NetworkConfig network = new NetworkConfig("a", "127.0.0.1");
    Path aeron = root.resolve("aeron");
    GroupConfig config =
        new GroupConfig(0, 3, 7, aeron, shared, 1000, 18, 1, DEADLINE, Optional.of(network));
    AeronProcessGroup.Opening opening = AeronProcessGroup.open(config, abort);
    Endpoint own = opening.endpoint();
    List<Endpoint> all =
        List.of(
            own,
            new Endpoint("a", "127.0.0.1:1", own.mtu(), own.tcpPort()),
            new Endpoint("b", "127.0.0.1:2", own.mtu(), own.tcpPort()));
    driver.signal("STOP");
    CompletableFuture<CollectiveException> end = new CompletableFuture<>();
    Thread joining =
        new Thread(
            () ->
                end.complete(
                    catchThrowableOfType(
                        CollectiveException.class, () -> opening.join(all, Optional.empty()))),
            "joining-rank");
    joining.setDaemon(true);
    joining.start();
    abort.abort("a newer generation");
    assertThat(end.get(3, TimeUnit.SECONDS).reason()).isEqualTo(Cause.ABORTED);
  }

  private void requireVerdictOnDriver(List<RankProcess> ranks) {
    for (RankProcess rank : ranks) {
      assertThat(rank.await("FAILED")).startsWith("PEER_LOST -1 ").contains("media driver");
      assertThat(rank.exitCode(30, TimeUnit.SECONDS)).isEqualTo(3);
    }
    assertThat(names(shared)).isEmpty();
  }

  @Test
  void shouldNotTouchANewerFormationWhenARankWakesUpAfterTheDriverForgotIt() {
    Duration liveness = Duration.ofSeconds(2);
    try (Host host = new Host(liveness, Duration.ofMillis(500))) {
      List<RankProcess> first = new ArrayList<>();
      for (int rank = 0; rank < 3; rank++) {
        first.add(host.start(RankMain.Scenario.LOOP_LARGE, rank, 3, 1, liveness));
      }
      first.forEach(rank -> rank.await("RUNNING"));
      RankProcess late = first.get(2);
      late.signal("STOP");
      for (RankProcess survivor : first.subList(0, 2)) {
        assertThat(survivor.await("FAILED")).startsWith("DEADLINE 2 ");
        survivor.exitCode(30, TimeUnit.SECONDS);
      }
      awaitForgotten(host);
      List<RankProcess> second = new ArrayList<>();
      for (int rank = 0; rank < 2; rank++) {
        second.add(host.start(RankMain.Scenario.CHECKED, rank, 2, 2, DEADLINE));
      }
      second.forEach(rank -> rank.await("RUNNING"));
      late.signal("CONT");
      late.await("FAILED");
      assertThat(late.exitCode(30, TimeUnit.SECONDS)).isEqualTo(3);
      // Each has checked all of its sums.
      second.forEach(rank -> rank.await("DONE"));
      assertThat(host.sharedFiles()).isEmpty();
    }
  }

  private static void awaitForgotten(Host host) {
    long limit = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
    while (!host.logBuffers().isEmpty() && System.nanoTime() < limit) {
      letPass(Duration.ofMillis(20));
    }
    assertThat(host.logBuffers()).isEmpty();
  }

  private static void letPass(Duration time) {
    long end = System.nanoTime() + time.toNanos();
    for (long left = time.toNanos(); left > 0; left = end - System.nanoTime()) {
      LockSupport.parkNanos(left);
    }
  }

  private static List<String> names(Path directory) {
    try (Stream<Path> files = Files.walk(directory)) {
      return files.filter(Files::isRegularFile).map(file -> file.getFileName().toString()).toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
