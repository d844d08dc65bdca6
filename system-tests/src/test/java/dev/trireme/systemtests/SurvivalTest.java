package dev.trireme.systemtests;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What goes wrong at the worst moment: during a write, during a recovery, with nobody watching. */
@Tag("long")
class SurvivalTest {
  private static final String JOBS = "system-tests/src/test/resources/jobs/";
  private static final String TINY = TriremeRun.home().resolve(JOBS + "tiny.yaml").toString();
  private static final String ELASTIC = TriremeRun.home().resolve(JOBS + "elastic.yaml").toString();
  private static final String ENDLESS = "train.steps=1000000";

  @TempDir Path directory;

  @Test
  void shouldReplaceTheOnlyRankWhenItIsFrozen() throws Exception {
    try (TriremeRun run = TriremeRun.train(directory, TINY, set(ENDLESS, "parallel.workers=1"))) {
      run.awaitStep(5);
      long frozen = pids(run, 1).get(0);
      TriremeRun.signal(frozen, "STOP");
      run.await("a recovery", () -> !events(run, "recovered").isEmpty());

      JsonNode failure = events(run, "failure").get(0);
      assertThat(failure.path("cause").asText()).contains("silent");
      assertThat(pids(run, 2)).doesNotContain(frozen);
      assertThat(job("cancel", run)).isZero();
      assertThat(run.exitCode()).isEqualTo(130);
    }
  }

  @Test
  void shouldWriteTheLastCheckpointWhenTheWholeGroupIsTerminated() throws Exception {
    try (TriremeRun run = TriremeRun.train(directory, TINY, set(ENDLESS))) {
      run.awaitStep(5);
      List<ProcessHandle> children = run.children();
      // As a scheduler does it that takes a machine back.
      for (ProcessHandle child : children) {
        TriremeRun.signal(child.pid(), "TERM");
      }
      TriremeRun.signal(run.process().pid(), "TERM");

      assertThat(run.exitCode()).isEqualTo(130);
      assertThat(events(run, "failure")).isEmpty();
      assertThat(newest(run.runDirectory().resolve("checkpoints")))
          .as("saved after the very last step")
          .isEqualTo(run.result().path("steps").asLong());
      TriremeRun.awaitGone(children, Duration.ofSeconds(10));
    }
  }

  @Test
  void shouldBearADeathDuringACheckpointWrite() throws Exception {
    try (TriremeRun run =
        TriremeRun.train(
            directory, TINY, set(ENDLESS, "checkpoint={everySteps: 1, maxFailures: 100}"))) {
      Path checkpoints = run.runDirectory().resolve("checkpoints");
      for (int rank = 0; rank < 2; rank++) {
        int before = events(run, "recovered").size();
        run.await("a first save", () -> names(checkpoints).anyMatch(n -> n.startsWith("step-")));
        long pid = pids(run, before + 1).get(rank);
        run.await("a write", () -> names(checkpoints).anyMatch(n -> n.startsWith(".tmp-")));
        TriremeRun.signal(pid, "KILL");
        run.await("a recovery", () -> events(run, "recovered").size() > before);
      }
      assertThat(job("cancel", run, "--checkpoint")).isZero();
      assertThat(run.exitCode()).isEqualTo(130);
      try (TriremeRun verify =
          TriremeRun.start(
              directory.resolve("verify"), "checkpoint", "verify", checkpoints.toString())) {
        assertThat(verify.exitCode()).as(verify.stdout() + verify.stderr()).isZero();
      }
    }
    try (TriremeRun audit = TriremeRun.start(directory.resolve("a"), "job", "audit", "../run")) {
      assertThat(audit.exitCode()).as(audit.stdout()).isZero();
    }
  }

  @Test
  void shouldContinueARunThatWasKilledWhileItRecovered() throws Exception {
    Path runDirectory;
    try (TriremeRun run =
        TriremeRun.train(directory, TINY, set(ENDLESS, "checkpoint.everySteps=10"))) {
      runDirectory = run.runDirectory();
      run.await("a checkpoint", () -> !events(run, "checkpoint").isEmpty());
      List<ProcessHandle> children = run.children();
      TriremeRun.signal(pids(run, 1).get(1), "KILL");
      run.await("the failure", () -> !events(run, "failure").isEmpty());
      run.process().destroyForcibly();
      TriremeRun.awaitGone(children, Duration.ofSeconds(10));
    }
    try (TriremeRun resumed =
        TriremeRun.start(directory, "job", "resume", runDirectory.toString())) {
      int before = events(resumed, "rank-ready").size();
      resumed.await("ready ranks", () -> events(resumed, "rank-ready").size() >= before + 2);
      List<JsonNode> ready = events(resumed, "rank-ready");
      assertThat(ready.get(ready.size() - 1).path("step").asLong()).isGreaterThanOrEqualTo(10);
      assertThat(job("cancel", resumed)).isZero();
      assertThat(resumed.exitCode()).isEqualTo(130);
    }
  }

  /**
   * Generation 1 saves A, generation 2 saves B, generation 3 goes on from A because B is hidden,
   * and dies before it saves anything. Now B is there again, and is newer than A; but its steps
   * were done again.
   */
  @Test
  void shouldNotGoOnFromACheckpointThatIsSuperseded() throws Exception {
    Path hidden = directory.resolve("hidden");
    Path checkpoints;
    long first;
    try (TriremeRun run = TriremeRun.train(directory, TINY, set(ENDLESS))) {
      checkpoints = run.runDirectory().resolve("checkpoints");
      first = trainAndSave(run);
    }
    Path later;
    try (TriremeRun run = resume()) {
      later = checkpoints.resolve("step-%08d".formatted(trainAndSave(run)));
    }
    Files.move(later, hidden);
    try (TriremeRun run = resume()) {
      run.await("a step of generation 3", () -> committedIn(run, 3));
      List<ProcessHandle> children = run.children();
      run.process().destroyForcibly();
      TriremeRun.awaitGone(children, Duration.ofSeconds(10));
    }
    Files.move(hidden, later);
    try (TriremeRun run = resume()) {
      run.await("a step of generation 4", () -> committedIn(run, 4));
      JsonNode ready =
          events(run, "rank-ready").stream()
              .filter(e -> e.path("generation").asInt() == 4 && e.path("rank").asInt() == 0)
              .findFirst()
              .orElseThrow();
      assertThat(ready.path("step").asLong()).isEqualTo(first);
      assertThat(Files.readString(run.runDirectory().resolve("logs/rank-0.log")))
          .contains("skipped " + later.getFileName())
          .contains("superseded: generation 3 began with step " + (first + 1));
      assertThat(job("cancel", run)).isZero();
      assertThat(run.exitCode()).isEqualTo(130);
    }
  }

  private static boolean committedIn(TriremeRun run, int generation) {
    return run.lines("metrics.jsonl").stream()
        .anyMatch(l -> l.path("generation").asInt() == generation);
  }

  private long trainAndSave(TriremeRun run) throws Exception {
    int before = events(run, "rank-ready").size();
    run.await("ready ranks", () -> events(run, "rank-ready").size() >= before + 2);
    long generation = events(run, "generation").size();
    run.await("a step", () -> committedIn(run, (int) generation));
    assertThat(job("cancel", run, "--checkpoint")).isZero();
    assertThat(run.exitCode()).isEqualTo(130);
    return newest(run.runDirectory().resolve("checkpoints"));
  }

  /** The step of the newest. */
  private static long newest(Path checkpoints) {
    return names(checkpoints)
        .filter(n -> n.startsWith("step-"))
        .mapToLong(n -> Long.parseLong(n.substring("step-".length())))
        .max()
        .orElseThrow(() -> new AssertionError("no checkpoint in " + checkpoints));
  }

  private TriremeRun resume() throws Exception {
    return TriremeRun.start(directory, "job", "resume", "run");
  }

  @Test
  void shouldEndWithTheSameBitsAfterADeathAShrinkAGrowthAndAResume() throws Exception {
    long saved;
    Path checkpoints;
    Path disturbed = directory.resolve("disturbed");
    try (TriremeRun run =
        TriremeRun.train(disturbed, ELASTIC, set(ENDLESS, "parallel.workers=\"1:2\""))) {
      checkpoints = run.runDirectory().resolve("checkpoints");
      run.awaitStep(2);
      TriremeRun.signal(pids(run, 1).get(0), "KILL");
      run.await("one rank", () -> sizes(run).contains(1));
      run.await("two ranks", () -> lastSize(run) == 2);
      assertThat(job("scale", run, "--workers", "1")).isZero();
      run.await("one rank again", () -> lastSize(run) == 1);
      assertThat(job("scale", run, "--workers", "2")).isZero();
      run.await("two ranks again", () -> lastSize(run) == 2);
      assertThat(job("cancel", run, "--checkpoint")).isZero();
      assertThat(run.exitCode()).isEqualTo(130);
      saved = newest(checkpoints);
    }
    String steps = "train.steps=" + (saved + 5);
    String from = "checkpoint.resumeFrom=" + checkpoints;
    String resumed = hash("resumed", steps, from, "parallel.workers=1");
    assertThat(resumed).isEqualTo(hash("undisturbed", steps, "parallel.workers=2"));
  }

  private String hash(String name, String... settings) throws Exception {
    try (TriremeRun run = TriremeRun.train(directory.resolve(name), ELASTIC, set(settings))) {
      return run.succeeded().path("stateHash").asText();
    }
  }

  @Test
  void shouldShowWithChaosWhatAJobSurvives() throws Exception {
    try (TriremeRun run = TriremeRun.train(directory, TINY, set(ENDLESS))) {
      run.awaitStep(5);
      long pid = pids(run, 1).get(1);
      String place = run.runDirectory().toString();

      JsonNode killed = chaos(0, place, "--rank", "1", "--json").path(0);
      assertThat(killed.path("pid").asLong()).isEqualTo(pid);
      assertThat(killed.path("recovered").asBoolean()).isTrue();
      assertThat(killed.path("steppedSeconds").asDouble()).isPositive();
      assertThat(events(run, "recovered").get(0).path("detectedSeconds").isNumber()).isTrue();
      JsonNode slowed =
          chaos(0, place, "--kind", "slow", "--lasting", "300ms", "--seed", "1", "--json").path(0);
      assertThat(slowed.path("noticed").asBoolean()).isFalse();
      chaos(2, place, "--rank", "2");
      chaos(2, place, "--drop-link", "0"); // The ranks of one host speak through its memory.

      assertThat(job("cancel", run)).isZero();
      assertThat(run.exitCode()).isEqualTo(130);
    }
  }

  /** The run directory's file system is everybody's: it is not filled, the ranks act as if. */
  @Test
  void shouldGoOnWhileThereIsNoRoomForCheckpointsAndSaveAgainAfter() throws Exception {
    String saves = "checkpoint={everySteps: 5, maxFailures: 100000}";
    try (TriremeRun run = TriremeRun.train(directory, TINY, set(ENDLESS, saves))) {
      run.await("a checkpoint", () -> !events(run, "checkpoint").isEmpty());
      String place = run.runDirectory().toString();

      JsonNode filled = chaos(0, place, "--fill-disk", "--lasting", "1s", "--json").path(0);
      assertThat(filled.path("how").asText()).contains("its ranks act as if");
      assertThat(filled.path("noticed").asBoolean()).isTrue();
      assertThat(filled.path("recovered").asBoolean()).isTrue();
      JsonNode failed =
          events(run, "checkpoint").stream()
              .filter(e -> !e.path("committed").asBoolean())
              .findFirst()
              .orElseThrow();
      assertThat(failed.path("reason").asText()).containsIgnoringCase("no space");
      assertThat(events(run, "chaos")).hasSize(1);
      assertThat(events(run, "failure")).isEmpty();

      assertThat(job("cancel", run)).isZero();
      assertThat(run.exitCode()).isEqualTo(130);
    }
  }

  private JsonNode chaos(int code, String... arguments) throws Exception {
    List<String> all = new ArrayList<>(List.of("chaos"));
    all.addAll(List.of(arguments));
    try (TriremeRun run =
        TriremeRun.start(directory.resolve("chaos"), all.toArray(String[]::new))) {
      assertThat(run.exitCode()).as(run.stderr()).isEqualTo(code);
      return new ObjectMapper().readTree(run.stdout().isBlank() ? "[]" : run.stdout());
    }
  }

  private int job(String command, TriremeRun of, String... more) throws Exception {
    List<String> arguments = new ArrayList<>(List.of("job", command, of.runDirectory().toString()));
    arguments.addAll(List.of(more));
    try (TriremeRun run =
        TriremeRun.start(directory.resolve(command), arguments.toArray(String[]::new))) {
      return run.exitCode();
    }
  }

  private static String[] set(String... settings) {
    return Stream.of(settings).flatMap(s -> Stream.of("--set", s)).toArray(String[]::new);
  }

  private static Stream<String> names(Path directory) {
    String[] names = directory.toFile().list();
    return names == null ? Stream.of() : Stream.of(names);
  }

  private static List<Integer> sizes(TriremeRun run) {
    return events(run, "recovered").stream().map(e -> e.path("worldSize").asInt()).toList();
  }

  private static int lastSize(TriremeRun run) {
    List<Integer> sizes = sizes(run);
    return sizes.isEmpty() ? 0 : sizes.get(sizes.size() - 1);
  }

  private static List<JsonNode> events(TriremeRun run, String type) {
    return run.lines("events.jsonl").stream()
        .filter(event -> event.path("type").asText().equals(type))
        .toList();
  }

  private static List<Long> pids(TriremeRun run, int number) {
    List<Long> pids = new ArrayList<>();
    events(run, "generation")
        .get(number - 1)
        .path("ranks")
        .forEach(r -> pids.add(r.path("pid").asLong()));
    return pids;
  }
}
