package dev.trireme.systemtests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Jobs whose parameters are held by servers, in real processes. */
@Tag("long")
class ParameterServerTest {
  private static final String TINY =
      TriremeRun.home().resolve("system-tests/src/test/resources/jobs/tiny.yaml").toString();

  @TempDir Path directory;

  private TriremeRun train(String name, String... settings) throws Exception {
    List<String> arguments = new ArrayList<>();
    Stream.of(settings).forEach(s -> arguments.addAll(List.of("--set", s)));
    return TriremeRun.train(directory.resolve(name), TINY, arguments.toArray(String[]::new));
  }

  private static double loss(JsonNode result) {
    return result.path("metrics").path("loss").asDouble();
  }

  /** The processes of a generation, in order of rank: the servers are behind the workers. */
  private static List<Long> pids(TriremeRun run, int number) {
    List<JsonNode> generations =
        run.lines("events.jsonl").stream()
            .filter(event -> event.path("type").asText().equals("generation"))
            .toList();
    List<Long> pids = new ArrayList<>();
    generations.get(number - 1).path("ranks").forEach(r -> pids.add(r.path("pid").asLong()));
    return pids;
  }

  @Test
  void shouldEndWhereAllReduceDoesAndBeResumedEitherWay() throws Exception {
    double reduced;
    try (TriremeRun run = train("reduced", "train.steps=60", "checkpoint.everySteps=40")) {
      reduced = loss(run.succeeded());
    }
    String half =
        "checkpoint.resumeFrom=" + directory.resolve("reduced/run/checkpoints/step-00000040");
    try (TriremeRun run =
        train("taken-over", "train.steps=60", "parallel.sync=parameter-server", half)) {
      JsonNode result = run.succeeded();
      assertThat(result.path("steps").asLong()).isEqualTo(60);
      assertThat(loss(result)).isCloseTo(reduced, within(1e-4));
    }
    try (TriremeRun run =
        train(
            "served",
            "train.steps=40",
            "parallel.sync=parameter-server",
            "checkpoint.everySteps=40")) {
      assertThat(run.succeeded().path("steps").asLong()).isEqualTo(40);
    }
    Path checkpoints = directory.resolve("served/run/checkpoints");
    try (TriremeRun run =
        train("resumed", "train.steps=60", "checkpoint.resumeFrom=" + checkpoints)) {
      JsonNode result = run.succeeded();
      assertThat(result.path("steps").asLong()).isEqualTo(60);
      assertThat(loss(result)).isCloseTo(reduced, within(1e-4));
    }
  }

  @Test
  void shouldLoseNothingWhenAServerAndAWorkerAreKilled() throws Exception {
    String[] settings = {
      "train.steps=300",
      "parallel.sync=parameter-server",
      "parallel.parameterServer.servers=2",
      "parallel.parameterServer.backups=1"
    };
    double undisturbed;
    try (TriremeRun run = train("undisturbed", settings)) {
      undisturbed = loss(run.succeeded());
    }
    try (TriremeRun run = train("killed", settings)) {
      run.awaitStep(5);
      List<Long> before = pids(run, 1);
      assertThat(before).hasSize(4);
      TriremeRun.signal(before.get(3), "KILL");
      TriremeRun.signal(before.get(1), "KILL");

      JsonNode result = run.succeeded();

      assertThat(result.path("generations").asInt()).isGreaterThanOrEqualTo(2);
      assertThat(result.path("steps").asLong()).isEqualTo(300);
      assertThat(loss(result)).isCloseTo(undisturbed, within(1e-4));
      assertThat(pids(run, result.path("generations").asInt()))
          .contains(before.get(0), before.get(2));
    }
  }

  @Test
  void shouldEndWithWorkersThatDoNotWait() throws Exception {
    try (TriremeRun run =
        train(
            "asp",
            "train.steps=60",
            "parallel.sync=parameter-server",
            "parallel.parameterServer.consistency=asp")) {
      JsonNode result = run.succeeded();
      assertThat(result.path("steps").asLong()).isEqualTo(60);
      assertThat(result.path("stateHash").asText()).startsWith("sha256:");
      JsonNode metrics = result.path("metrics");
      double reads = 0;
      for (String name : (Iterable<String>) metrics::fieldNames) {
        reads += name.startsWith("staleness.") ? metrics.path(name).asDouble() : 0;
      }
      // On a busy machine one may seem slow, and have no part in some steps.
      assertThat(reads).as("reads of two workers").isBetween(60.0, 120.0);
      assertThat(run.lines("metrics.jsonl").get(0).has("stalenessMax")).isTrue();
    }
  }
}
