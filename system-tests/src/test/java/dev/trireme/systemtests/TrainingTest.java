package dev.trireme.systemtests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What a run computes: the same whatever the number of ranks, and whether or not it was stopped.
 */
class TrainingTest {
  private static final String TINY =
      TriremeRun.home().resolve("system-tests/src/test/resources/jobs/tiny.yaml").toString();

  @TempDir Path directory;

  @Test
  void shouldTrainEvaluateAndLeaveAWholeRunDirectory() throws Exception {
    try (TriremeRun run = TriremeRun.train(directory, TINY)) {
      JsonNode result = run.succeeded();
      assertThat(result.path("state").asText()).isEqualTo("SUCCEEDED");
      assertThat(result.path("steps").asLong()).isEqualTo(40);
      assertThat(result.path("epochs").asInt()).isEqualTo(2);
      assertThat(result.path("worldSize").asInt()).isEqualTo(2);
      assertThat(result.path("generations").asInt()).isEqualTo(1);
      assertThat(result.path("samplesPerSecond").asDouble()).isPositive();
      assertThat(result.path("metrics").path("accuracy").asDouble()).isBetween(0.2, 1.0);
      assertThat(result.path("metrics").path("loss").asDouble()).isPositive();
      assertThat(result.path("stateHash").asText()).matches("sha256:[0-9a-f]{64}");
      assertThat(result.path("wallSeconds").asDouble()).isPositive();

      List<JsonNode> metrics = run.lines("metrics.jsonl");
      assertThat(metrics.get(0).path("step").asLong()).isEqualTo(1);
      assertThat(metrics.get(metrics.size() - 1).path("step").asLong()).isEqualTo(40);
      assertThat(run.lines("events.jsonl")).isNotEmpty();
      assertThat(run.runDirectory().resolve("job.yaml")).exists();
      assertThat(run.runDirectory().resolve("logs/rank-0.log")).exists();
      assertThat(run.runDirectory().resolve("logs/rank-1.log")).exists();
    }
  }

  @Test
  void shouldEndWithTheSameBitsTwiceAndWithOthersFromAnotherSeed() throws Exception {
    String first = stateHash("first");
    String second = stateHash("second");
    String other = stateHash("other", "--set", "train.seed=2");
    assertThat(second).isEqualTo(first);
    assertThat(other).isNotEqualTo(first);
  }

  private String stateHash(String name, String... more) throws Exception {
    try (TriremeRun run = TriremeRun.train(directory.resolve(name), TINY, more)) {
      return run.succeeded().path("stateHash").asText();
    }
  }

  @Test
  void shouldComputeTheSameOnTwoRanksOf64AsOnOneRankOf128() throws Exception {
    Map<String, float[]> two = parametersAfter50Steps("two", 2);
    Map<String, float[]> one = parametersAfter50Steps("one", 1);
    assertThat(two.keySet()).isEqualTo(one.keySet()).contains("model.0.weight", "model.4.bias");
    one.forEach(
        (name, values) -> {
          for (int i = 0; i < values.length; i++) {
            assertThat(two.get(name)[i])
                .as(name + "[" + i + "]")
                .isCloseTo(values[i], within(1e-5f));
          }
        });
  }

  private Map<String, float[]> parametersAfter50Steps(String name, int workers) throws Exception {
    try (TriremeRun run =
        TriremeRun.train(
            directory.resolve(name),
            TINY,
            "--set",
            "train.steps=50",
            "--set",
            "parallel.workers=" + workers,
            "--set",
            "train.optimizer.sgd.momentum=0",
            "--set",
            "checkpoint.everySteps=50")) {
      run.succeeded();
      return Safetensors.read(run.runDirectory().resolve("checkpoints/step-00000050"));
    }
  }

  @Test
  void shouldResumeInMidEpochAsIfItHadNeverBeenStopped() throws Exception {
    String[] settings = {"--set", "train.steps=400", "--set", "checkpoint.everySteps=7"};
    String uninterrupted = stateHash("uninterrupted", settings);

    Path stopped = directory.resolve("stopped");
    try (TriremeRun run = TriremeRun.train(stopped, TINY, settings)) {
      Path checkpoint = run.runDirectory().resolve("checkpoints/step-00000021");
      run.await("a checkpoint at step 21", () -> Files.exists(checkpoint));
      List<ProcessHandle> children = run.children();
      run.process().destroyForcibly();
      TriremeRun.awaitGone(children, TriremeRun.DEADLINE);
    }

    try (TriremeRun run =
        TriremeRun.train(
            directory.resolve("resumed"),
            TINY,
            "--set",
            "train.steps=400",
            "--set",
            "checkpoint.resumeFrom=" + stopped.resolve("run/checkpoints"))) {
      JsonNode result = run.succeeded();
      long firstStep = run.lines("metrics.jsonl").get(0).path("step").asLong();
      assertThat(firstStep).isGreaterThan(21);
      assertThat((firstStep - 1) % 7).as("steps after the checkpoint's").isZero();
      assertThat(result.path("steps").asLong()).isEqualTo(400);
      assertThat(result.path("stateHash").asText()).isEqualTo(uninterrupted);
    }
  }
}
