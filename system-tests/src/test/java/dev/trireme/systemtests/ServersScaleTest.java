package dev.trireme.systemtests;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Servers join and leave a job that runs, and shards move to them and from them, while each push is
 * a whole number: a row of the model counts how often its item was trained on, so that one push
 * lost, or applied twice, is seen. Long, so only on demand:
 *
 * <pre>mvn -pl system-tests -am test -Dtest=ServersScaleTest -Dtrireme.slow=true \
 *     -Dsurefire.failIfNoSpecifiedTests=false</pre>
 */
@Tag("long")
@EnabledIfSystemProperty(named = "trireme.slow", matches = "true")
class ServersScaleTest {
  private static final String COUNTER =
      TriremeRun.home().resolve("system-tests/src/test/resources/jobs/counter.yaml").toString();
  private static final int ITEMS = 256;
  private static final int BATCH = 2;

  @TempDir Path directory;

  @ParameterizedTest
  @CsvSource({"bsp, 1, 0, 3, 2", "bsp, 2, 1, 4, 2", "asp, 1, 0, 3, 2", "asp, 2, 1, 4, 3"})
  @Timeout(value = 6, unit = TimeUnit.MINUTES)
  void shouldAddUpExactlyThoughServersJoinAndLeave(
      String consistency, int servers, int backups, int more, int fewer) throws Exception {
    writeItems();
    int epochs = 150;
    long steps = (long) epochs * ITEMS / BATCH;
    List<String> arguments = new ArrayList<>();
    for (String setting :
        List.of(
            "data.path=" + directory,
            "data.batchSize=" + BATCH,
            "train.steps=" + steps,
            "train.optimizer={sgd: {lr: " + BATCH + "}}",
            "model.jar=" + TriremeRun.home().resolve("examples/target/trireme-examples.jar"),
            "checkpoint={everySteps: " + steps + "}",
            "parallel.sync=parameter-server",
            "parallel.parameterServer={servers: %d, backups: %d, consistency: %s, sparse: false}"
                .formatted(servers, backups, consistency))) {
      arguments.addAll(List.of("--set", setting));
    }
    Path at = directory.resolve("at");
    try (TriremeRun run = TriremeRun.train(at, COUNTER, arguments.toArray(String[]::new))) {
      awaitStepWith(run, 2 + servers);
      scale(run, more);
      awaitStepWith(run, 2 + more);
      scale(run, fewer);
      awaitStepWith(run, 2 + fewer);
      assertThat(run.exitCode(Duration.ofMinutes(4))).as(run.stderr()).isZero();
      assertThat(run.result().path("steps").asLong()).isEqualTo(steps);
      assertThat(run.result().path("generations").asInt()).isEqualTo(3);
    }
    Path checkpoint = at.resolve("run/checkpoints/step-%08d".formatted(steps));
    for (float row : Safetensors.read(checkpoint).get("model.rows")) {
      assertThat(Math.abs(row)).isEqualTo(epochs);
    }
    assertThat(Files.readString(at.resolve("run/logs/rank-2.log")))
        .as("the first server's log")
        .containsPattern("[1-9][0-9]* shards were handed over to servers with fewer");
  }

  private void scale(TriremeRun run, int servers) throws Exception {
    try (TriremeRun command =
        TriremeRun.start(
            directory.resolve("scale-" + servers),
            "job",
            "scale",
            run.runDirectory().toString(),
            "--servers",
            Integer.toString(servers))) {
      assertThat(command.exitCode()).as(command.stderr()).isZero();
    }
  }

  /** Waits for a step of a formation with so many ranks. */
  private static void awaitStepWith(TriremeRun run, int ranks) {
    run.await(
        "a step with " + ranks + " ranks",
        () -> {
          JsonNode newest = newest(run);
          int generation = newest.path("generation").asInt();
          return newest.path("ranks").size() == ranks
              && run.lines("metrics.jsonl").stream()
                  .anyMatch(line -> line.path("generation").asInt() == generation);
        });
  }

  private static JsonNode newest(TriremeRun run) {
    return run.lines("events.jsonl").stream()
        .filter(event -> event.path("type").asText().equals("generation"))
        .reduce((first, second) -> second)
        .orElse(MissingNode.getInstance());
  }

  /** Item i is the byte i, its label whether i is odd. */
  private void writeItems() throws Exception {
    ByteBuffer images = ByteBuffer.allocate(16 + ITEMS);
    images.putInt(0x00000803).putInt(ITEMS).putInt(1).putInt(1);
    ByteBuffer labels = ByteBuffer.allocate(8 + ITEMS);
    labels.putInt(0x00000801).putInt(ITEMS);
    for (int i = 0; i < ITEMS; i++) {
      images.put((byte) i);
      labels.put((byte) (i % 2));
    }
    Files.write(directory.resolve("items"), images.array());
    Files.write(directory.resolve("parities"), labels.array());
  }
}
