package dev.trireme.systemtests;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What happens when something dies: who is named, how soon, and what is left. */
class FailureTest {
  private static final String TINY =
      TriremeRun.home().resolve("system-tests/src/test/resources/jobs/tiny.yaml").toString();
  private static final String[] LONG = {"--set", "train.steps=1000000"};

  @TempDir Path directory;

  @Test
  void shouldFailWithinSecondsAndNameTheRankWhenNoRestartIsAllowed() throws Exception {
    try (TriremeRun run =
        TriremeRun.train(
            directory,
            TINY,
            "--set",
            "train.steps=1000000",
            "--set",
            "failurePolicy.maxRestarts=0")) {
      run.awaitStep(5);
      List<ProcessHandle> children = run.children();
      TriremeRun.signal(rankPid(run, 1), "KILL");

      assertThat(run.process().waitFor(10, TimeUnit.SECONDS)).as("over within 10 s").isTrue();
      assertThat(run.process().exitValue()).isEqualTo(1);
      assertThat(run.stderr()).contains("rank 1").contains("SIGKILL").doesNotContain("\tat ");
      JsonNode result = run.result();
      assertThat(result.path("state").asText()).isEqualTo("FAILED");
      assertThat(result.path("reason").asText()).contains("rank 1").contains("SIGKILL");
      TriremeRun.awaitGone(children, Duration.ofSeconds(10));
    }
  }

  /** libtorch refuses memory as truly here as it does on a device. */
  @Test
  void shouldSayAtWhichStepMemoryRanOutForWhichBatchAndWhatMayFit() throws Exception {
    ClassJar.write(directory, "greedy.jar", GreedyModel.class, GreedyModel.Linear.class);
    Path job = directory.resolve("greedy.yaml");
    Files.writeString(
        job,
        """
        name: greedy
        model: {class: %s, jar: greedy.jar}
        data:
          train: {format: strokes, items: 2000, seed: 1}
          batchSize: 128
        train: {steps: 40, loss: cross-entropy, optimizer: {sgd: {lr: 0.05}}}
        parallel: {workers: 2, threads: 1}
        failurePolicy: {maxRestarts: 0}
        """
            .formatted(GreedyModel.class.getName()));
    try (TriremeRun run = TriremeRun.train(directory, job.toString())) {
      assertThat(run.exitCode()).isEqualTo(1);
      assertThat(run.stderr())
          .contains("after step " + GreedyModel.GOOD_STEPS + ": ")
          .contains(
              "forward of 64 of a batch's 128 items: the host is out of memory: 134217728 MiB")
          .contains("train.microBatch: 32")
          .doesNotContain("\tat ");
    }
  }

  @Test
  void shouldCancelOnCtrlCAndLeaveNoProcessBehind() throws Exception {
    try (TriremeRun run = TriremeRun.train(directory, TINY, LONG)) {
      run.awaitStep(5);
      List<ProcessHandle> children = run.children();
      // A terminal sends Ctrl-C to the whole group of processes.
      for (ProcessHandle child : children) {
        TriremeRun.signal(child.pid(), "INT");
      }
      TriremeRun.signal(run.process().pid(), "INT");

      assertThat(run.exitCode()).isEqualTo(130);
      assertThat(run.result().path("state").asText()).isEqualTo("CANCELLED");
      assertThat(run.stdout()).as("the summary").contains("CANCELLED");
      assertThat(run.stderr()).contains("interrupted");
      TriremeRun.awaitGone(children, Duration.ofSeconds(10));
    }
  }

  @Test
  void shouldEndTheRanksWhenTheCommandIsKilled() throws Exception {
    try (TriremeRun run = TriremeRun.train(directory, TINY, LONG)) {
      run.awaitStep(5);
      List<ProcessHandle> children = run.children();
      assertThat(children).hasSizeGreaterThanOrEqualTo(2);
      run.process().destroyForcibly();
      TriremeRun.awaitGone(children, Duration.ofSeconds(10));
    }
  }

  private static long rankPid(TriremeRun run, int rank) {
    return run.lines("events.jsonl").stream()
        .filter(event -> event.path("type").asText().equals("generation"))
        .findFirst()
        .orElseThrow(() -> new AssertionError("no event tells which processes the ranks are"))
        .path("ranks")
        .path(rank)
        .path("pid")
        .asLong();
  }
}
