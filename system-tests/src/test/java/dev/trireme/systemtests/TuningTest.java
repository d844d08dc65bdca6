package dev.trireme.systemtests;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What decides the order of sums is fixed before the first step, and kept. */
class TuningTest {
  private static final String TINY =
      TriremeRun.home().resolve("system-tests/src/test/resources/jobs/tiny.yaml").toString();
  private static final String AUTO = "parallel.bucketSize=auto";
  private static final String FIRST_AUTO = "parallel.firstBucketSize=auto";
  private static final String ROWS =
      "parallel.algorithms=[{ranks: 2, upTo: 2k, algorithm: direct}, {ranks: 2, algorithm: ring}]";

  @TempDir Path directory;

  @Test
  void shouldKeepWhatTheRanksTunedForReplacementsAndInTheCheckpoints() throws Exception {
    try (TriremeRun run =
        TriremeRun.train(
            directory,
            TINY,
            "--set",
            AUTO,
            "--set",
            FIRST_AUTO,
            "--set",
            ROWS,
            "--set",
            "train.steps=300",
            "--set",
            "checkpoint.everySteps=150")) {
      run.awaitStep(5);
      TriremeRun.signal(pidOfRank1(run), "KILL");
      assertThat(run.succeeded().path("generations").asInt()).isEqualTo(2);

      List<JsonNode> tuned = events(run, "buckets");
      assertThat(tuned).as("once, before the first step").hasSize(1);
      assertThat(tuned.get(0).path("generation").asLong()).isEqualTo(1);
      String job = Files.readString(run.runDirectory().resolve("job.yaml"));
      String size = size("bucketSize", job);
      assertThat(size).matches("[0-9]+[km]");
      assertThat(size("firstBucketSize", job)).matches("[0-9]+[km]");
      assertThat(bytes(size)).isEqualTo(tuned.get(0).path("bucketSize").asLong());
      assertThat(job).contains("algorithm: ring");
      Path last = run.runDirectory().resolve("checkpoints/step-00000300");
      assertThat(spec(last)).as("of the second generation").isEqualTo(job);
    }
  }

  @Test
  void shouldTakeOverTheSizesOfTheCheckpointThatAJobStartsFrom() throws Exception {
    Path first = directory.resolve("first");
    try (TriremeRun run =
        TriremeRun.train(
            first,
            TINY,
            "--set",
            "parallel={workers: 2, threads: 1, bucketSize: 3k, firstBucketSize: 2k}",
            "--set",
            "checkpoint.everySteps=40")) {
      run.succeeded();
    }
    try (TriremeRun run =
        TriremeRun.train(
            directory.resolve("second"),
            TINY,
            "--set",
            AUTO,
            "--set",
            FIRST_AUTO,
            "--set",
            "train.steps=50",
            "--set",
            "checkpoint.resumeFrom=" + first.resolve("run/checkpoints"))) {
      run.succeeded();
      String job = Files.readString(run.runDirectory().resolve("job.yaml"));
      assertThat(size("bucketSize", job)).as("none that is measured").isEqualTo("3k");
      assertThat(size("firstBucketSize", job)).isEqualTo("2k");
    }
  }

  private static String size(String key, String yaml) {
    Matcher line = Pattern.compile("\\b" + key + ": (\\S+)").matcher(yaml);
    assertThat(line.find()).as("%s in %s", key, yaml).isTrue();
    return line.group(1);
  }

  private static long bytes(String size) {
    long count = Long.parseLong(size.substring(0, size.length() - 1));
    return count << (size.endsWith("m") ? 20 : 10);
  }

  private static String spec(Path checkpoint) throws IOException {
    JsonNode manifest = new ObjectMapper().readTree(checkpoint.resolve("manifest.json").toFile());
    return manifest.path("spec").asText();
  }

  private static List<JsonNode> events(TriremeRun run, String type) {
    return run.lines("events.jsonl").stream()
        .filter(e -> e.path("type").asText().equals(type))
        .toList();
  }

  private static long pidOfRank1(TriremeRun run) {
    return events(run, "generation").get(0).path("ranks").get(1).path("pid").asLong();
  }
}
