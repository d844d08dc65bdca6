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
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * kill -9 of servers, workers and both, at random moments, while each push is a whole number: a row
 * of the model counts how often its item was trained on, so that one push lost, or applied twice,
 * is seen. Long, so only on demand:
 *
 * <pre>mvn -pl system-tests -am test -Dtest=ServerKillsTest -Dtrireme.ps.rounds=50 \
 *     -Dsurefire.failIfNoSpecifiedTests=false</pre>
 */
@Tag("long")
@EnabledIfSystemProperty(named = "trireme.ps.rounds", matches = "[0-9]+")
class ServerKillsTest {
  private static final String COUNTER =
      TriremeRun.home().resolve("system-tests/src/test/resources/jobs/counter.yaml").toString();
  private static final int ITEMS = 256;
  private static final int EPOCHS = 15;
  private static final int BATCH = 2;
  private static final int ROUNDS_A_RUN = 10;

  /** One server alone: when it is killed, all begin with what workers hold. */
  private static final String WHOLE_STEPS = "bsp of one server";

  @TempDir Path directory;

  @ParameterizedTest
  @ValueSource(strings = {"bsp", "{ssp: 4}", "asp", WHOLE_STEPS})
  @Timeout(value = 30, unit = TimeUnit.MINUTES)
  void shouldAddUpExactly(String consistency) throws Exception {
    writeItems();
    int all = Integer.getInteger("trireme.ps.rounds");
    // The three kinds share them out, bsp has what is left over.
    int rounds = consistency.equals("bsp") ? all - 2 * (all / 3) : all / 3;
    Random random = new Random(Long.getLong("trireme.ps.seed", 1) + consistency.hashCode());
    int kills = 0;
    int done = 0;
    for (int run = 0; done < rounds; run++) {
      Rounds ended =
          run(
              consistency,
              directory.resolve("run-" + run),
              Math.min(ROUNDS_A_RUN, rounds - done),
              random);
      done += ended.rounds();
      kills += ended.kills();
    }
    System.out.printf(
        "%s: %d rounds, %d processes killed, every row exact%n", consistency, done, kills);
  }

  private record Rounds(int rounds, int kills) {}

  private Rounds run(String consistency, Path at, int rounds, Random random) throws Exception {
    int kills = 0;
    int done = 0;
    long steps = (long) EPOCHS * ITEMS / BATCH;
    try (TriremeRun run = start(consistency, at, steps)) {
      for (int last = 0; done < rounds && awaitGenerationAfter(last, run); done++) {
        last = newest(run).path("generation").asInt();
        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(random.nextInt(400)));
        List<Long> pids = new ArrayList<>();
        newest(run).path("ranks").forEach(r -> pids.add(r.path("pid").asLong()));
        int what = random.nextInt(3);
        if (what != 0) {
          TriremeRun.signal(pids.get(2 + random.nextInt(pids.size() - 2)), "KILL");
          kills++;
        }
        if (what != 1) {
          TriremeRun.signal(pids.get(random.nextInt(2)), "KILL");
          kills++;
        }
      }
      assertThat(run.exitCode(Duration.ofMinutes(10))).as(run.stderr()).isZero();
      assertThat(run.result().path("steps").asLong()).isEqualTo(steps);
    }
    Path checkpoint = at.resolve("run/checkpoints/step-%08d".formatted(steps));
    for (float row : Safetensors.read(checkpoint).get("model.rows")) {
      assertThat(Math.abs(row)).as(consistency + " in " + at).isEqualTo(EPOCHS);
    }
    return new Rounds(done, kills);
  }

  /** Waits for a step of a later generation; false when the run has ended without one. */
  private static boolean awaitGenerationAfter(int last, TriremeRun run) {
    long deadline = System.nanoTime() + TriremeRun.DEADLINE.toNanos();
    while (run.process().isAlive()) {
      int generation = newest(run).path("generation").asInt();
      boolean stepped =
          generation > last
              && run.lines("metrics.jsonl").stream()
                  .anyMatch(line -> line.path("generation").asInt() == generation);
      if (stepped) {
        return true;
      }
      assertThat(System.nanoTime()).as(run.stderr()).isLessThan(deadline);
      LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20));
    }
    return false;
  }

  private static JsonNode newest(TriremeRun run) {
    return run.lines("events.jsonl").stream()
        .filter(event -> event.path("type").asText().equals("generation"))
        .reduce((first, second) -> second)
        .orElse(MissingNode.getInstance());
  }

  private TriremeRun start(String consistency, Path at, long steps) throws Exception {
    List<String> arguments = new ArrayList<>();
    for (String setting :
        List.of(
            "data.path=" + directory,
            "data.batchSize=" + BATCH,
            "train.steps=" + steps,
            "train.optimizer={sgd: {lr: " + BATCH + "}}",
            "model.jar=" + TriremeRun.home().resolve("examples/target/trireme-examples.jar"),
            "checkpoint={everySteps: " + steps + "}",
            "failurePolicy={maxRestarts: 1000, maxFruitlessRestarts: 20, backoffSeconds: 0}",
            "parallel.sync=parameter-server",
            "parallel.parameterServer="
                + (consistency.equals(WHOLE_STEPS)
                    ? "{servers: 1}"
                    : "{servers: 2, backups: 1, consistency: " + consistency + "}"))) {
      arguments.addAll(List.of("--set", setting));
    }
    return TriremeRun.train(at, COUNTER, arguments.toArray(String[]::new));
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
