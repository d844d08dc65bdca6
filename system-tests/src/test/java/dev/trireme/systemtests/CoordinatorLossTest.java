package dev.trireme.systemtests;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

/**
 * Coordinators are killed while a job runs. By name, for they take minutes: {@code
 * -Dtrireme.slow=true -Dtest=CoordinatorLossTest}.
 */
@Tag("long")
@Timeout(value = 15, unit = TimeUnit.MINUTES)
@EnabledIfSystemProperty(named = "trireme.slow", matches = "true")
class CoordinatorLossTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String TINY =
      TriremeRun.home().resolve("system-tests/src/test/resources/jobs/tiny.yaml").toString();
  private static final List<String> ALL = List.of("c0", "c1", "c2");

  /** More than a machine under load keeps a rank from its processor, less than a failover takes. */
  private static final long PAUSE_MILLIS = 6_000;

  @TempDir Path directory;

  private final List<Process> coordinators = new ArrayList<>();
  private List<Integer> ports = List.of();

  @Test
  void shouldLetRanksStepOnWhileEachCoordinatorIsKilledInTurn(TestReporter reporter)
      throws Exception {
    try (ClusterRun cluster = new ClusterRun(directory)) {
      Process agent = start(cluster);
      String job = submit(cluster);
      Path run = running(cluster, agent, job);
      long began = System.currentTimeMillis();
      // The active one, then who stands by then, then who has taken over from the first.
      String first = active(cluster);
      replace(cluster, agent, job, run, first);
      String second = active(cluster);
      String standby = without(first).stream().filter(n -> !n.equals(second)).findAny().get();
      replace(cluster, agent, job, run, standby);
      replace(cluster, agent, job, run, second);
      assertThat(state(cluster, ALL, job, "generation")).isEqualTo("1");

      StepLog.enough(directory);
      assertThat(ask(cluster, ALL, "job", "wait", job).code()).isZero();
      StepLog steps = new StepLog(run);
      assertThat(steps.lines()).extracting(StepLog.Line::generation).containsOnly(1L);
      assertThat(pids(steps)).hasSize(2);
      steps.assertWhole();
      long pause = steps.longestPause(began);
      reporter.publishEntry("longest pause between two steps, ms", String.valueOf(pause));
      assertThat(pause).as("ms between two steps").isLessThan(PAUSE_MILLIS);
      assertRecordedOnce(run);
      assertGoodEnd(cluster, run);
    }
  }

  @Test
  void shouldGoOnWhenAllCoordinatorsAreKilledAndOneDiskIsLost() throws Exception {
    try (ClusterRun cluster = new ClusterRun(directory)) {
      Process agent = start(cluster);
      String job = submit(cluster);
      Path run = running(cluster, agent, job);
      String waiting = ask(cluster, ALL, "job", "submit", TINY).out().strip();
      for (Process coordinator : coordinators) {
        coordinator.destroyForcibly().waitFor();
      }
      delete(directory.resolve("state-c1"));
      long gone = System.currentTimeMillis();
      long before = new StepLog(run).newestStep();
      cluster.await("steps alone", agent, () -> new StepLog(run).newestStep() > before + 100);
      for (int i = 0; i < 3; i++) {
        coordinators.set(i, cluster.coordinator("c" + i, ports.get(i), ports));
      }
      cluster.await("an active coordinator", agent, () -> isServed(cluster, ALL, job));
      assertThat(state(cluster, ALL, waiting, "state")).isEqualTo("QUEUED");
      cluster.await(
          "re-attached",
          agent,
          () -> Files.readString(run.resolve("events.jsonl")).contains("has taken over"));
      long there = System.currentTimeMillis();
      cluster.await(
          "steps", agent, () -> new StepLog(run).stepsBetween(there, Long.MAX_VALUE) > 50);

      StepLog.enough(directory);
      assertThat(ask(cluster, ALL, "job", "wait", job).code()).isZero();
      assertThat(ask(cluster, ALL, "job", "wait", waiting).code()).isZero();
      StepLog steps = new StepLog(run);
      steps.assertWhole();
      steps.assertOneFormationAtATime();
      assertThat(steps.stepsBetween(gone, there)).as("steps without a coordinator").isPositive();
      assertThat(pids(steps)).hasSize(2);
      assertRecordedOnce(run);
      assertGoodEnd(cluster, run);
    }
  }

  /** Stopped for longer than it takes to be given up, it goes on as if it were the active one. */
  @Test
  void shouldNotBeDisturbedByACoordinatorThatDoesNotKnowThatItIsNoneAnyMore() throws Exception {
    try (ClusterRun cluster = new ClusterRun(directory)) {
      Process agent = start(cluster);
      String job = submit(cluster);
      Path run = running(cluster, agent, job);
      String stopped = active(cluster);
      Process process = coordinators.get(number(stopped));
      signal(process, "STOP");
      cluster.await(
          "another active coordinator", agent, () -> isServed(cluster, without(stopped), job));
      long there = System.currentTimeMillis();
      cluster.await(
          "steps", agent, () -> new StepLog(run).stepsBetween(there, Long.MAX_VALUE) > 50);
      signal(process, "CONT");
      cluster.await("its end", agent, () -> !process.isAlive());
      coordinators.set(
          number(stopped), cluster.coordinator(stopped, ports.get(number(stopped)), ports));

      StepLog.enough(directory);
      assertThat(ask(cluster, without(stopped), "job", "wait", job).code()).isZero();
      StepLog steps = new StepLog(run);
      steps.assertWhole();
      assertThat(steps.lines()).extracting(StepLog.Line::generation).containsOnly(1L);
      assertThat(pids(steps)).hasSize(2);
      assertRecordedOnce(run);
      assertGoodEnd(cluster, run);
    }
  }

  private Process start(ClusterRun cluster) throws Exception {
    ports = ClusterRun.freePorts(3);
    for (int i = 0; i < 3; i++) {
      coordinators.add(cluster.coordinator("c" + i, ports.get(i), ports));
    }
    for (String name : ALL) {
      cluster.await("member " + name, coordinators.get(number(name)), () -> isReady(cluster, name));
    }
    return cluster.agent("a1", 2, "c0", "c1", "c2");
  }

  private String submit(ClusterRun cluster) throws Exception {
    List<String> command = new ArrayList<>(List.of("job", "submit", TINY));
    for (String setting : StepLog.settings(directory)) {
      command.addAll(List.of("--set", setting));
    }
    ClusterRun.Done done = ask(cluster, ALL, command.toArray(String[]::new));
    assertThat(done.code()).as(done.err()).isZero();
    return done.out().strip();
  }

  private Path running(ClusterRun cluster, Process agent, String job) throws Exception {
    cluster.await(
        "a running job", agent, () -> state(cluster, ALL, job, "state").equals("RUNNING"));
    Path run = Path.of(state(cluster, ALL, job, "runDirectory"));
    cluster.await("first steps", agent, () -> new StepLog(run).newestStep() > 20);
    return run;
  }

  /** Kills a coordinator, sees the job go on with the others, and starts it again. */
  private void replace(ClusterRun cluster, Process agent, String job, Path run, String victim)
      throws Exception {
    long before = new StepLog(run).newestStep();
    coordinators.get(number(victim)).destroyForcibly().waitFor();
    cluster.await("an active coordinator", agent, () -> isServed(cluster, without(victim), job));
    cluster.await("steps", agent, () -> new StepLog(run).newestStep() > before + 50);
    Process again = cluster.coordinator(victim, ports.get(number(victim)), ports);
    coordinators.set(number(victim), again);
    cluster.await("member " + victim, again, () -> isReady(cluster, victim));
    cluster.await("re-attached", agent, () -> state(cluster, ALL, job, "state").equals("RUNNING"));
  }

  private static int number(String coordinator) {
    return coordinator.charAt(1) - '0';
  }

  private static List<String> without(String coordinator) {
    return ALL.stream().filter(name -> !name.equals(coordinator)).toList();
  }

  private static ClusterRun.Done ask(ClusterRun cluster, List<String> whom, String... command)
      throws Exception {
    return cluster.ask(String.join(",", whom), command);
  }

  private static String state(ClusterRun cluster, List<String> whom, String job, String field)
      throws Exception {
    ClusterRun.Done shown = ask(cluster, whom, "job", "show", job, "--json");
    return shown.code() == 0 ? shown.field(field) : "";
  }

  private static String active(ClusterRun cluster) throws Exception {
    return ask(cluster, ALL, "cluster", "show", "--json").field("coordinator");
  }

  private static boolean isServed(ClusterRun cluster, List<String> whom, String job)
      throws Exception {
    return !state(cluster, whom, job, "state").isEmpty();
  }

  private static boolean isReady(ClusterRun cluster, String coordinator) throws Exception {
    return ClusterTest.ready(cluster, coordinator) == 200;
  }

  private static TreeSet<Long> pids(StepLog steps) {
    return new TreeSet<>(steps.lines().stream().map(StepLog.Line::pid).toList());
  }

  private static void signal(Process process, String signal) throws Exception {
    String[] command = {"kill", "-" + signal, String.valueOf(process.pid())};
    assertThat(new ProcessBuilder(command).start().waitFor()).isZero();
  }

  private static void assertRecordedOnce(Path run) throws Exception {
    List<String> metrics = Files.readAllLines(run.resolve("metrics.jsonl"));
    List<String> steps =
        metrics.stream().map(l -> l.replaceAll(".*\"step\":([0-9]+).*", "$1")).toList();
    assertThat(steps).as("progress in metrics.jsonl").doesNotHaveDuplicates();
    List<String> said =
        Stream.concat(metrics.stream(), Files.readAllLines(run.resolve("events.jsonl")).stream())
            .filter(l -> l.contains("\"said\":"))
            .map(l -> l.replaceAll(".*\"said\":\"([^\"]+)\".*", "$1"))
            .toList();
    assertThat(said).isNotEmpty().doesNotHaveDuplicates();
  }

  private static void assertGoodEnd(ClusterRun cluster, Path run) throws Exception {
    var result = JSON.readTree(run.resolve("result.json").toFile());
    assertThat(result.path("state").asText()).isEqualTo("SUCCEEDED");
    assertThat(result.path("metrics").path("accuracy").asDouble()).isGreaterThan(0.8);
    ClusterRun.Done audit = cluster.plain("job", "audit", run.toString(), "--json");
    assertThat(audit.code()).as(audit.out() + audit.err()).isZero();
  }

  private static void delete(Path tree) throws Exception {
    try (Stream<Path> all = Files.walk(tree)) {
      for (Path path : all.sorted((x, y) -> y.compareTo(x)).toList()) {
        Files.delete(path);
      }
    }
  }
}
