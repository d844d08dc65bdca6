package dev.trireme.systemtests;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * The command that runs a job is killed with SIGKILL in the midst of something else that goes
 * wrong: its ranks end by themselves, and {@code job resume} goes on. Named, for it takes minutes:
 * {@code -Dtrireme.slow=true -Dtest=CommandDeathTest}.
 */
@EnabledIfSystemProperty(named = "trireme.slow", matches = "true")
class CommandDeathTest {
  private static final String TINY =
      TriremeRun.home().resolve("system-tests/src/test/resources/jobs/tiny.yaml").toString();
  private static final Duration GONE = Duration.ofSeconds(15);

  @TempDir Path directory;

  /** What goes on when the command is killed. */
  enum Moment {
    A_STEP,
    A_CHECKPOINT,
    ONE_DEATH,
    TWO_DEATHS_AT_ONCE,
    A_DEATH_DURING_A_RECOVERY,
    EVERY_RANK_DEAD,
    A_RANK_FROZEN
  }

  @ParameterizedTest
  @EnumSource(Moment.class)
  void shouldContinueARunWhoseCommandIsKilledDuring(Moment moment) throws Exception {
    String[] settings = {
      "--set", "train.steps=400",
      "--set", "parallel.workers=3",
      "--set", "checkpoint={everySteps: 5, maxFailures: 1000}"
    };
    Path run;
    try (TriremeRun first = TriremeRun.train(directory, TINY, settings)) {
      run = first.runDirectory();
      first.await("a checkpoint", () -> !events(first, "checkpoint").isEmpty());
      List<ProcessHandle> children = first.children();
      bring(moment, first);
      List<ProcessHandle> replacements = first.children();
      first.process().destroyForcibly();
      TriremeRun.awaitGone(children, GONE);
      TriremeRun.awaitGone(replacements, GONE);
    }
    try (TriremeRun resumed = TriremeRun.start(directory, "job", "resume", run.toString())) {
      JsonNode result = resumed.succeeded();
      assertThat(result.path("state").asText()).isEqualTo("SUCCEEDED");
      assertThat(result.path("steps").asLong()).isEqualTo(400);
    }
    try (TriremeRun audit = TriremeRun.start(directory.resolve("a"), "job", "audit", "../run")) {
      assertThat(audit.exitCode()).as(audit.stdout()).isZero();
    }
  }

  /** As Ctrl-Z does; its media driver and its ranks wait for it for 30 s. */
  @Test
  void shouldGoOnOnceTheCommandIsWokenThatWasStoppedForLong() throws Exception {
    String[] settings = {
      "--set", "train.steps=1500", "--set", "checkpoint={everySteps: 5, maxFailures: 1000}"
    };
    try (TriremeRun run = TriremeRun.train(directory, TINY, settings)) {
      run.await("a checkpoint", () -> !events(run, "checkpoint").isEmpty());
      TriremeRun.signal(run.process().pid(), "STOP");
      List<Long> ranks = pids(run);
      run.await("the ranks' end", () -> ranks.stream().allMatch(CommandDeathTest::hasEnded));
      TriremeRun.signal(run.process().pid(), "CONT");
      JsonNode result = run.succeeded();
      assertThat(result.path("steps").asLong()).isEqualTo(1500);
      assertThat(result.path("generations").asInt()).isGreaterThan(1);
    }
    try (TriremeRun audit = TriremeRun.start(directory.resolve("a"), "job", "audit", "../run")) {
      assertThat(audit.exitCode()).as(audit.stdout()).isZero();
    }
  }

  /** Also where its parent stands still, and has not asked how. */
  private static boolean hasEnded(long pid) {
    try {
      String stat = Files.readString(Path.of("/proc", String.valueOf(pid), "stat"));
      return stat.substring(stat.lastIndexOf(')') + 2).startsWith("Z");
    } catch (IOException e) {
      return true;
    }
  }

  private static void bring(Moment moment, TriremeRun run) throws Exception {
    List<Long> ranks = pids(run);
    switch (moment) {
      case A_STEP -> run.awaitStep(20);
      case A_CHECKPOINT -> run.await("a write", () -> isWriting(run));
      case ONE_DEATH -> kill(run, ranks.subList(1, 2));
      case TWO_DEATHS_AT_ONCE -> kill(run, ranks.subList(0, 2));
      case A_DEATH_DURING_A_RECOVERY -> {
        kill(run, ranks.subList(1, 2));
        run.await("the next generation", () -> events(run, "generation").size() > 1);
        TriremeRun.signal(pids(run).get(0), "KILL");
      }
      case EVERY_RANK_DEAD -> kill(run, ranks);
      case A_RANK_FROZEN -> TriremeRun.signal(ranks.get(1), "STOP");
      default -> throw new AssertionError(moment);
    }
    if (moment == Moment.A_RANK_FROZEN) {
      // Nobody else can end it once its agent is gone, and it cannot look itself before it is
      // woken.
      long frozen = ranks.get(1);
      run.process().onExit().thenRun(() -> wake(frozen));
    }
  }

  private static void wake(long pid) {
    try {
      TriremeRun.signal(pid, "CONT");
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  private static void kill(TriremeRun run, List<Long> ranks) throws Exception {
    for (long rank : ranks) {
      TriremeRun.signal(rank, "KILL");
    }
    run.await("the failure", () -> !events(run, "failure").isEmpty());
  }

  private static boolean isWriting(TriremeRun run) {
    String[] names = run.runDirectory().resolve("checkpoints").toFile().list();
    return List.of(Objects.requireNonNull(names)).stream().anyMatch(n -> n.startsWith(".tmp-"));
  }

  private static List<JsonNode> events(TriremeRun run, String type) {
    return run.lines("events.jsonl").stream()
        .filter(event -> event.path("type").asText().equals(type))
        .toList();
  }

  /** Of the newest generation, in order of rank. */
  private static List<Long> pids(TriremeRun run) {
    List<JsonNode> generations = events(run, "generation");
    List<Long> pids = new ArrayList<>();
    generations
        .get(generations.size() - 1)
        .path("ranks")
        .forEach(r -> pids.add(r.path("pid").asLong()));
    return pids;
  }
}
