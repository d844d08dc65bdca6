package dev.trireme.systemtests;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What must not depend on how many ranks there are, or on how often they had to begin again: the
 * bits of the model, and how often each item was trained on.
 */
@Tag("long")
class ElasticTest {
  private static final String JOBS = "system-tests/src/test/resources/jobs/";
  private static final String ELASTIC = TriremeRun.home().resolve(JOBS + "elastic.yaml").toString();
  private static final String COUNTER = TriremeRun.home().resolve(JOBS + "counter.yaml").toString();
  private static final int ITEMS = 256;

  @TempDir Path directory;

  @Test
  void shouldEndWithTheSameBitsOnAnyNumberOfRanksAlsoWhenItChangesOnTheWay() throws Exception {
    List<String> hashes = new ArrayList<>();
    for (int workers = 1; workers <= 4; workers++) {
      hashes.add(hash("on-" + workers, workers, "train.steps=24"));
    }
    hash("first", 3, "train.steps=12", "checkpoint.everySteps=12");
    String first = "checkpoint.resumeFrom=" + directory.resolve("first/run/checkpoints");
    hashes.add(hash("second", 2, "train.steps=24", first));
    assertThat(new HashSet<>(hashes)).as(hashes.toString()).hasSize(1);
  }

  @Test
  void shouldEndWithTheSameBitsInMicroBatches() throws Exception {
    String[] settings = {"train.steps=11", "train.microBatch=9"};
    assertThat(hash("three", 3, settings)).isEqualTo(hash("one", 1, settings));
  }

  private String hash(String name, int workers, String... settings) throws Exception {
    try (TriremeRun run = train(directory.resolve(name), ELASTIC, workers, settings)) {
      return run.succeeded().path("stateHash").asText();
    }
  }

  private static TriremeRun train(Path directory, String job, int workers, String... settings)
      throws IOException {
    List<String> arguments = new ArrayList<>(List.of("--set", "parallel.workers=" + workers));
    for (String setting : settings) {
      arguments.addAll(List.of("--set", setting));
    }
    return TriremeRun.train(directory, job, arguments.toArray(String[]::new));
  }

  /**
   * The weights are the witness: each row says how often its item was trained on. The run is killed
   * as a whole, and goes on from a checkpoint on another number of ranks.
   */
  @Test
  void shouldAuditAsTheWeightsHaveCounted() throws Exception {
    writeItems();
    String steps = "train.steps=805"; // 50 epochs of 16 steps, and 5 steps
    String data = "data.path=" + directory;
    String model = "model.jar=" + TriremeRun.home().resolve("examples/target/trireme-examples.jar");
    Path job = directory.resolve("job");
    try (TriremeRun run = train(job, COUNTER, 2, steps, data, model)) {
      Path checkpoint = run.runDirectory().resolve("checkpoints");
      run.await("two checkpoints", () -> count(checkpoint) >= 2);
      List<ProcessHandle> children = run.children();
      run.process().destroyForcibly();
      TriremeRun.awaitGone(children, TriremeRun.DEADLINE);
    }
    assertThat(audit(job).path("sound").asBoolean()).isTrue();
    Path again = directory.resolve("again");
    String from = "checkpoint.resumeFrom=" + job.resolve("run/checkpoints");
    try (TriremeRun run = train(again, COUNTER, 3, steps, data, model, from)) {
      assertThat(run.succeeded().path("steps").asLong()).isEqualTo(805);
    }
    JsonNode epochs = audit(again).path("epochs");
    int before = epochs.path(0).path("epoch").asInt();
    assertThat(before + epochs.size()).isEqualTo(51);
    for (int i = 0; i < epochs.size() - 1; i++) {
      assertThat(epochs.path(i).path("once").asLong()).as("epoch " + i).isEqualTo(ITEMS);
    }
    int[] times = new int[52];
    float[] rows =
        Safetensors.read(again.resolve("run/checkpoints/step-00000805")).get("model.rows");
    for (int i = 0; i < rows.length; i += rows.length / ITEMS) {
      times[(int) Math.abs(rows[i])]++;
    }
    JsonNode last = epochs.path(epochs.size() - 1);
    assertThat(times[51]).isEqualTo(last.path("once").asInt()).isEqualTo(80);
    assertThat(times[50]).isEqualTo(last.path("zero").asInt()).isEqualTo(176);
  }

  private static JsonNode audit(Path job) throws Exception {
    try (TriremeRun run =
        TriremeRun.start(job.resolve("audit"), "job", "audit", "../run", "--json")) {
      assertThat(run.exitCode(Duration.ofMinutes(1))).as(run.stderr()).isZero();
      return new ObjectMapper().readTree(run.stdout());
    }
  }

  private static int count(Path checkpoints) {
    String[] names = checkpoints.toFile().list((d, name) -> name.startsWith("step-"));
    return names == null ? 0 : names.length;
  }

  /** Item i is the byte i, its label whether i is odd. */
  private void writeItems() throws IOException {
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
