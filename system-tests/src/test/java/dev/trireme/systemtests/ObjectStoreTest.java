package dev.trireme.systemtests;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.trireme.api.s3.S3Server;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A job whose checkpoints lie in an object store, through its death and after it. */
class ObjectStoreTest {
  private static final String TINY =
      TriremeRun.home().resolve("system-tests/src/test/resources/jobs/tiny.yaml").toString();
  private static final String PLACE = "s3://checkpoints/runs/tiny";
  private static final Map<String, String> CREDENTIALS =
      Map.of("AWS_ACCESS_KEY_ID", "an-access-key", "AWS_SECRET_ACCESS_KEY", "a-very-secret-key");

  @TempDir Path directory;

  @Test
  void shouldWriteThereAndContinueFromThereAfterEverythingWasKilled() throws Exception {
    try (S3Server server = S3Server.start(directory)) {
      server.makeBucket("checkpoints");
      String s3 = "{endpoint: '" + server.endpoint() + "', pathStyle: true}";
      Path runDirectory;
      try (TriremeRun run =
          TriremeRun.start(
              directory,
              CREDENTIALS,
              "train",
              TINY,
              "--run-dir",
              "run",
              "--set",
              "train.steps=300",
              "--set",
              "checkpoint={everySteps: 20, keep: 2, path: '" + PLACE + "', s3: " + s3 + "}")) {
        runDirectory = run.runDirectory();
        run.await("two checkpoints", () -> committed(run) >= 2);
        List<ProcessHandle> children = run.children();
        run.process().destroyForcibly();
        TriremeRun.awaitGone(children, Duration.ofSeconds(10));
      }
      try (TriremeRun resumed =
          TriremeRun.start(directory, CREDENTIALS, "job", "resume", runDirectory.toString())) {
        JsonNode result = resumed.succeeded();
        assertThat(result.path("steps").asLong()).isEqualTo(300);
        assertThat(result.path("generations").asInt()).isEqualTo(2);
        JsonNode ready =
            resumed.lines("events.jsonl").stream()
                .filter(e -> e.path("type").asText().equals("rank-ready"))
                .filter(e -> e.path("generation").asInt() == 2 && e.path("rank").asInt() == 0)
                .findFirst()
                .orElseThrow();
        assertThat(ready.path("restoredFrom").asText()).startsWith(PLACE + "/step-");
        assertThat(ready.path("step").asLong()).isGreaterThanOrEqualTo(40);
        assertThat(resumed.stderr()).doesNotContain("a-very-secret-key");
      }
      JsonNode list = new ObjectMapper().readTree(checkpoint(server, "list", PLACE, "--json"));
      assertThat(list).hasSize(2);
      assertThat(list.path(1).path("state").asText()).isEqualTo("whole");
      assertThat(checkpoint(server, "verify", PLACE)).contains("whole");
      assertThat(checkpoint(server, "show", PLACE + "/step-00000300")).contains("model.4.weight");
      checkpoint(server, "export", PLACE, "--to", "model.safetensors");
      assertThat(directory.resolve("export/model.safetensors")).isNotEmptyFile();
    }
  }

  private String checkpoint(S3Server server, String command, String... more) throws Exception {
    List<String> arguments = new ArrayList<>(List.of("checkpoint", command));
    arguments.addAll(List.of(more));
    arguments.addAll(List.of("--s3-endpoint", server.endpoint(), "--s3-path-style"));
    try (TriremeRun run =
        TriremeRun.start(
            directory.resolve(command), CREDENTIALS, arguments.toArray(String[]::new))) {
      assertThat(run.exitCode()).as(run.stderr()).isZero();
      return run.stdout();
    }
  }

  private static long committed(TriremeRun run) {
    return run.lines("events.jsonl").stream()
        .filter(e -> e.path("type").asText().equals("checkpoint"))
        .filter(e -> e.path("committed").asBoolean())
        .count();
  }
}
