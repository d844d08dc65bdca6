package dev.trireme.systemtests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

/**
 * Hosts that cannot reach each other for longer than it takes to be given up, and then can again: a
 * coordinator and an agent on each of three. Named, for each test takes minutes and needs root:
 * {@code -Dtrireme.hosts=true -Dtest=PartitionTest}.
 */
@Tag("long")
@Timeout(value = 15, unit = TimeUnit.MINUTES)
@EnabledIfSystemProperty(named = "trireme.hosts", matches = "true")
class PartitionTest {
  private static final String TINY =
      TriremeRun.home().resolve("system-tests/src/test/resources/jobs/tiny.yaml").toString();

  @TempDir Path directory;

  private HostNetwork network;
  private HostsRun cluster;
  private Process gone;

  @BeforeEach
  void start() throws Exception {
    String whyNot = HostNetwork.whyNot();
    if (!whyNot.isEmpty()) {
      System.err.println("SKIPPED: tests on several hosts: " + whyNot);
    }
    assumeTrue(whyNot.isEmpty(), whyNot);
    network = new HostNetwork();
    cluster = new HostsRun(directory, network);
    for (int host = 1; host <= 3; host++) {
      cluster.coordinator(host);
    }
  }

  @AfterEach
  void stop() throws Exception {
    if (cluster != null) {
      cluster.close();
    }
    if (network != null) {
      network.close();
    }
  }

  /** With its coordinator it has no majority; its ranks need nobody else until their lease ends. */
  @Test
  void shouldNeverStepOnBothSidesOfACut(TestReporter reporter) throws Exception {
    cluster.agent(2, 2, "");
    String job = submit();
    Path run = running(job);
    cluster.agent(3, 2, "");
    cluster.await("two agents", () -> agents() == 2);

    cut(2);
    long cut = System.currentTimeMillis();
    cluster.await("another formation", () -> !steps(run, 2).isEmpty());
    long last = steps(run, 1).stream().mapToLong(StepLog.Line::millis).max().orElseThrow();
    reporter.publishEntry(
        "ms from the cut to the last step there, and to the first one elsewhere",
        (last - cut) + ", " + (steps(run, 2).get(0).millis() - cut));
    assertThat(last).as("steps under the lease").isGreaterThan(cut + 10_000);
    heal(2);
    cluster.await("two agents", () -> agents() == 2);
    int there = steps(run, 2).size();
    cluster.await("steps", () -> steps(run, 2).size() > there + 50);
    cluster.await("free slots", () -> free() == 2);

    end(job);
    StepLog steps = new StepLog(run);
    steps.assertOneFormationAtATime();
    steps.assertWhole();
    assertThat(cluster.on(3, "job", "audit", run.toString()).code()).isZero();
  }

  /** Neither rank can complete a step alone, so nobody has to wait for a lease. */
  @Test
  void shouldGoOnWithoutTheRankThatIsCutOff() throws Exception {
    cluster.agent(1, 1, "");
    cluster.agent(2, 1, "");
    cluster.await("two agents", () -> agents() == 2);
    String job = submit();
    Path run = running(job);
    cluster.agent(3, 1, "");
    cluster.await("three agents", () -> agents() == 3);

    cut(2);
    cluster.await("another formation", () -> steps(run, 2).size() > 50);
    heal(2);
    cluster.await("three agents", () -> agents() == 3);
    cluster.await("free slots", () -> free() == 1);

    end(job);
    StepLog steps = new StepLog(run);
    steps.assertOneFormationAtATime();
    steps.assertWhole();
    assertThat(cluster.on(3, "job", "audit", run.toString()).code()).isZero();
  }

  @Test
  void shouldStepOnWhileTheActiveCoordinatorIsCutOff() throws Exception {
    cluster.await("an active coordinator", () -> agents() == 0);
    String active = cluster.ask(1, "cluster", "show", "--json").field("coordinator");
    int cut = active.charAt(1) - '0';
    int here = cut % 3 + 1;
    cluster.agent(here, 2, "");
    String job = submit();
    Path run = running(job);
    cut(cut);
    cluster.await(
        "another active coordinator",
        () -> {
          var shown = cluster.ask(here, "cluster", "show", "--json");
          return shown.code() == 0 && !shown.field("coordinator").equals(active);
        });
    long there = System.currentTimeMillis();
    cluster.await("steps", () -> new StepLog(run).stepsBetween(there, Long.MAX_VALUE) > 50);
    heal(cut);
    end(job);
    StepLog steps = new StepLog(run);
    steps.assertWhole();
    assertThat(generations(steps)).containsExactly(1L);
    assertThat(new TreeSet<>(steps.lines().stream().map(StepLog.Line::pid).toList())).hasSize(2);
    assertThat(cluster.on(here, "job", "audit", run.toString()).code()).isZero();
  }

  /** Its coordinator gives itself up, as it cannot reach a majority. */
  private void cut(int host) throws Exception {
    network.link(host, false);
    gone = cluster.expectEnd("coordinator" + host);
  }

  private void heal(int host) throws Exception {
    cluster.await("the end of the coordinator that was cut off", () -> !gone.isAlive());
    network.link(host, true);
    cluster.coordinator(host);
  }

  private String submit() throws Exception {
    return cluster.submit(TINY, StepLog.settings(directory).toArray(String[]::new));
  }

  private Path running(String job) throws Exception {
    cluster.await("a running job", () -> cluster.field(job, "state").equals("RUNNING"));
    Path run = Path.of(cluster.field(job, "runDirectory"));
    cluster.await("a checkpoint", () -> new StepLog(run).newestStep() > 110);
    return run;
  }

  private void end(String job) throws Exception {
    StepLog.enough(directory);
    assertThat(cluster.ask(3, "job", "wait", job).code()).isZero();
  }

  private int agents() throws Exception {
    ClusterRun.Done shown = cluster.ask(3, "cluster", "show", "--json");
    return shown.code() == 0 ? shown.json().path("agents").size() : -1;
  }

  private int free() throws Exception {
    int free = 0;
    for (var agent : cluster.ask(3, "cluster", "show", "--json").json().path("agents")) {
      free += agent.path("free").asInt();
    }
    return free;
  }

  private static List<StepLog.Line> steps(Path run, long generation) throws Exception {
    return Files.isDirectory(run)
        ? new StepLog(run).lines().stream().filter(l -> l.generation() == generation).toList()
        : List.of();
  }

  private static TreeSet<Long> generations(StepLog steps) {
    return new TreeSet<>(steps.lines().stream().map(StepLog.Line::generation).toList());
  }
}
