package dev.trireme.systemtests;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A job outlives its ranks: who dies, and what goes on from which step. */
@Tag("long")
class RecoveryTest {
  private static final String TINY =
      TriremeRun.home().resolve("system-tests/src/test/resources/jobs/tiny.yaml").toString();
  private static final String STEPS = "train.steps=300";

  @TempDir Path directory;

  @Test
  void shouldGoOnWithTheSurvivorsProcessAndEndWithTheSameBits() throws Exception {
    String undisturbed;
    try (TriremeRun run =
        TriremeRun.train(directory.resolve("undisturbed"), TINY, "--set", STEPS)) {
      undisturbed = run.succeeded().path("stateHash").asText();
    }
    try (TriremeRun run = TriremeRun.train(directory.resolve("killed"), TINY, "--set", STEPS)) {
      run.awaitStep(5);
      List<Long> before = pids(run, 1);
      TriremeRun.signal(before.get(1), "KILL");

      JsonNode result = run.succeeded();

      assertThat(result.path("generations").asInt()).isEqualTo(2);
      assertThat(result.path("steps").asLong()).isEqualTo(300);
      assertThat(result.path("stateHash").asText()).isEqualTo(undisturbed);
      List<Long> after = pids(run, 2);
      assertThat(after.get(0)).as("the survivor's process").isEqualTo(before.get(0));
      assertThat(after.get(1)).as("the replacement").isNotEqualTo(before.get(1));
      JsonNode failure = event(run, "failure").orElseThrow();
      assertThat(failure.path("rank").asInt()).isEqualTo(1);
      assertThat(failure.path("cause").asText()).contains("SIGKILL");
      JsonNode recovered = event(run, "recovered").orElseThrow();
      assertThat(recovered.path("source").asText()).isEqualTo("rank");
      assertThat(recovered.path("steppedSeconds").asDouble()).isPositive();
      assertNoStepIsLost(run, recovered);
    }
  }

  /** No committed step was done again: a new generation begins above all that were reported. */
  private static void assertNoStepIsLost(TriremeRun run, JsonNode recovered) {
    long last = 0;
    for (JsonNode line : run.lines("metrics.jsonl")) {
      assertThat(line.path("step").asLong()).as("steps only go up").isGreaterThan(last);
      last = line.path("step").asLong();
      if (line.path("generation").asLong() < recovered.path("generation").asLong()) {
        assertThat(recovered.path("firstStep").asLong()).isGreaterThan(last);
      }
    }
  }

  @Test
  void shouldReplaceARankThatIsFrozenAndLetItCommitNothingWhenItWakes() throws Exception {
    try (TriremeRun run = TriremeRun.train(directory, TINY, "--set", STEPS)) {
      run.awaitStep(5);
      List<Long> before = pids(run, 1);
      TriremeRun.signal(before.get(0), "STOP");
      run.await("a second generation", () -> generations(run).size() == 2);
      TriremeRun.signal(before.get(0), "CONT");

      assertThat(run.succeeded().path("generations").asInt()).isEqualTo(2);
      assertThat(event(run, "failure").orElseThrow().path("rank").asInt()).isZero();
      assertThat(pids(run, 2).get(1)).isEqualTo(before.get(1));
      assertThat(ProcessHandle.of(before.get(0)).filter(ProcessHandle::isAlive)).isEmpty();
    }
  }

  @Test
  void shouldBearTwoDeathsAtOnceAndAnotherOneDuringTheRecovery() throws Exception {
    try (TriremeRun run =
        TriremeRun.train(directory, TINY, "--set", STEPS, "--set", "parallel.workers=3")) {
      run.awaitStep(5);
      List<Long> first = pids(run, 1);
      TriremeRun.signal(first.get(0), "KILL");
      TriremeRun.signal(first.get(2), "KILL");
      run.await("a second generation", () -> generations(run).size() >= 2);
      TriremeRun.signal(pids(run, 2).get(0), "KILL");

      JsonNode result = run.succeeded();
      assertThat(result.path("steps").asLong()).isEqualTo(300);
      assertThat(result.path("generations").asInt()).isGreaterThanOrEqualTo(3);
      assertThat(pids(run, result.path("generations").asInt()))
          .as("the one that survived all; %s", reasons(run))
          .contains(first.get(1));
    }
  }

  /** What the run says of itself, for who reads of a failure. */
  private static String reasons(TriremeRun run) {
    return run.lines("events.jsonl").stream()
        .filter(event -> event.has("reason"))
        .map(event -> event.path("type").asText() + ": " + event.path("reason").asText())
        .collect(Collectors.joining("\n"));
  }

  @Test
  void shouldFallBackToTheNewestCheckpointWhenEveryRankDies() throws Exception {
    try (TriremeRun run =
        TriremeRun.train(directory, TINY, "--set", STEPS, "--set", "checkpoint.everySteps=10")) {
      Path checkpoint = run.runDirectory().resolve("checkpoints/step-00000010");
      run.await("a checkpoint", () -> Files.exists(checkpoint));
      for (long pid : pids(run, 1)) {
        TriremeRun.signal(pid, "KILL");
      }

      JsonNode result = run.succeeded();

      assertThat(result.path("steps").asLong()).isEqualTo(300);
      JsonNode recovered = event(run, "recovered").orElseThrow();
      assertThat(recovered.path("source").asText()).isEqualTo("checkpoint");
      assertThat((recovered.path("firstStep").asLong() - 1) % 10).isZero();
      assertThat(recovered.path("firstStep").asLong()).isGreaterThan(10);
    }
  }

  /** As where what they lie on is not mounted: to begin anew would be to lose all progress. */
  @Test
  void shouldNotBeginAnewWhereItsCheckpointsHaveGone() throws Exception {
    try (TriremeRun run =
        TriremeRun.train(
            directory,
            TINY,
            "--set",
            "train.steps=1000000",
            "--set",
            "checkpoint.everySteps=10",
            "--set",
            "failurePolicy.maxRestarts=1")) {
      run.await(
          "a checkpoint",
          () -> event(run, "checkpoint").map(e -> e.path("step").asLong() >= 10).orElse(false));
      Path checkpoints = run.runDirectory().resolve("checkpoints");
      List<Long> first = pids(run, 1);
      TriremeRun.signal(first.get(0), "STOP");
      TriremeRun.signal(first.get(1), "STOP");
      Files.move(checkpoints, directory.resolve("elsewhere"));
      for (long pid : first) {
        TriremeRun.signal(pid, "KILL");
      }

      assertThat(run.exitCode()).isEqualTo(1);
      assertThat(run.stdout() + run.stderr())
          .contains("this job has saved its step ", checkpoints.toString(), "does not begin anew");
      if (Files.exists(checkpoints)) {
        assertThat(checkpoints).as("it has begun nothing").isEmptyDirectory();
      }
    }
  }

  @Test
  void shouldShrinkAndGrowWhenAskedAndWhenARankDies() throws Exception {
    Path runDirectory;
    try (TriremeRun run =
        TriremeRun.train(
            directory, TINY, "--set", "train.steps=1000000", "--set", "parallel.workers=\"1:2\"")) {
      runDirectory = run.runDirectory();
      run.awaitStep(5);
      assertThat(job("scale", runDirectory, "--workers", "1")).isZero();
      run.await("one rank", () -> worldSize(run) == 1);
      assertThat(job("scale", runDirectory, "--workers", "2")).isZero();
      run.await("two ranks", () -> worldSize(run) == 2);
      int generations = generations(run).size();
      TriremeRun.signal(pids(run, generations).get(0), "KILL");
      run.await("one rank, then two", () -> generations(run).size() == generations + 2);
      assertThat(job("scale", runDirectory, "--workers", "3")).isEqualTo(2);
      assertThat(job("cancel", runDirectory, "--checkpoint")).isZero();

      assertThat(run.exitCode()).isEqualTo(130);
      assertThat(runDirectory.resolve("cluster.json")).doesNotExist();
      long steps = run.result().path("steps").asLong();
      long last = 0;
      for (JsonNode line : run.lines("metrics.jsonl")) {
        assertThat(line.path("step").asLong()).isGreaterThan(last);
        last = line.path("step").asLong();
      }
      assertThat(steps).isGreaterThanOrEqualTo(last);
      assertThat(Files.list(runDirectory.resolve("checkpoints"))).isNotEmpty();
    }
  }

  @Test
  void shouldContinueARunWhoseCommandWasKilled() throws Exception {
    Path runDirectory;
    try (TriremeRun run =
        TriremeRun.train(directory, TINY, "--set", STEPS, "--set", "checkpoint.everySteps=10")) {
      runDirectory = run.runDirectory();
      Path checkpoint = runDirectory.resolve("checkpoints/step-00000020");
      run.await("a checkpoint", () -> Files.exists(checkpoint));
      List<ProcessHandle> children = run.children();
      run.process().destroyForcibly();
      TriremeRun.awaitGone(children, Duration.ofSeconds(10));
    }
    try (TriremeRun resumed =
        TriremeRun.start(directory, "job", "resume", runDirectory.toString())) {
      JsonNode result = resumed.succeeded();
      assertThat(result.path("state").asText()).isEqualTo("SUCCEEDED");
      assertThat(result.path("steps").asLong()).isEqualTo(300);
      assertThat(result.path("generations").asInt()).isEqualTo(2);
    }
  }

  /** Runs {@code trireme job COMMAND RUN_DIR ...} and gives its exit code. */
  private int job(String command, Path runDirectory, String... more) throws Exception {
    List<String> arguments = new ArrayList<>(List.of("job", command, runDirectory.toString()));
    arguments.addAll(List.of(more));
    try (TriremeRun run =
        TriremeRun.start(
            directory.resolve("command-" + command), arguments.toArray(String[]::new))) {
      return run.exitCode();
    }
  }

  private static List<JsonNode> generations(TriremeRun run) {
    return events(run, "generation");
  }

  private static int worldSize(TriremeRun run) {
    List<JsonNode> all = events(run, "recovered");
    return all.isEmpty() ? 0 : all.get(all.size() - 1).path("worldSize").asInt();
  }

  private static List<JsonNode> events(TriremeRun run, String type) {
    return run.lines("events.jsonl").stream()
        .filter(event -> event.path("type").asText().equals(type))
        .toList();
  }

  private static Optional<JsonNode> event(TriremeRun run, String type) {
    return events(run, type).stream().findFirst();
  }

  /** The processes of a generation, in order of rank. */
  private static List<Long> pids(TriremeRun run, int number) {
    List<Long> pids = new ArrayList<>();
    generations(run).get(number - 1).path("ranks").forEach(r -> pids.add(r.path("pid").asLong()));
    return pids;
  }
}
