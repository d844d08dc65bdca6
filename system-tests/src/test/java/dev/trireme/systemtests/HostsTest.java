package dev.trireme.systemtests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.trireme.api.testing.RealData;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

/**
 * Three coordinators and three agents on three hosts, which are network namespaces. Named, for each
 * test takes minutes and needs root: {@code -Dtrireme.hosts=true -Dtest=HostsTest}.
 */
@Tag("long")
@EnabledIfSystemProperty(named = "trireme.hosts", matches = "true")
class HostsTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String TINY =
      TriremeRun.home().resolve("system-tests/src/test/resources/jobs/tiny.yaml").toString();
  private static final String MNIST =
      TriremeRun.home().resolve("configs/mnist-cnn.yaml").toString();

  @TempDir Path directory;

  private HostNetwork network;
  private HostsRun cluster;

  @BeforeEach
  void start() throws Exception {
    String whyNot = HostNetwork.whyNot();
    if (!whyNot.isEmpty()) {
      System.err.println("SKIPPED: tests on several hosts: " + whyNot);
    }
    assumeTrue(whyNot.isEmpty(), whyNot);
    network = new HostNetwork();
    cluster = new HostsRun(directory, network);
    for (int host = 1; host <= 3; host++) {
      cluster.coordinator(host);
    }
  }

  @AfterEach
  void stop() throws Exception {
    if (cluster != null) {
      cluster.close();
    }
    if (network != null) {
      network.close();
    }
  }

  private void agents(String firstOnThree) throws Exception {
    cluster.agent(1, 2, "");
    cluster.agent(2, 2, "");
    cluster.agent(3, 2, firstOnThree);
    cluster.await(
        "three agents",
        () -> {
          ClusterRun.Done shown = cluster.ask(1, "cluster", "show", "--json");
          return shown.code() == 0 && shown.json().path("agents").size() == 3;
        });
  }

  @Test
  void shouldTrainOnTwoHostsAsInOneProcessTree() throws Exception {
    agents("");
    String data = RealData.directory("mnist").toString();
    String[] settings = {
      "parallel.workers=4", "parallel.threads=1", "train.steps=120", "data.path=" + data
    };
    String job = cluster.submit(MNIST, settings);
    assertThat(cluster.ask(3, "job", "wait", job).code()).isZero();

    Path run = Path.of(cluster.field(job, "runDirectory"));
    assertThat(hostsOf(run, 1)).containsExactly("host1", "host1", "host2", "host2");
    JsonNode there = result(run);
    assertThat(there.path("worldSize").asInt()).isEqualTo(4);
    for (String rank : List.of("0", "1", "2", "3")) {
      assertThat(cluster.ask(3, "job", "logs", job, "--rank", rank).out()).contains("computes on");
    }
    assertThat(run.resolve("checkpoints/step-00000120")).exists();
    assertThat(cluster.on(1, "job", "audit", run.toString()).code()).isZero();

    JsonNode here = embedded(MNIST, settings);
    double accuracy = here.path("metrics").path("accuracy").asDouble();
    assertThat(accuracy).isGreaterThan(0.9);
    assertThat(there.path("metrics").path("accuracy").asDouble()).isCloseTo(accuracy, within(5e-3));
  }

  @Test
  void shouldEndWithTheSameBitsOnThreeHostsAsOnOne() throws Exception {
    agents("");
    String[] settings = {
      "parallel.workers=6", "train.deterministic=elastic", "train.logicalShards=8"
    };
    String job = cluster.submit(TINY, settings);
    assertThat(cluster.ask(1, "job", "wait", job).code()).isZero();

    Path run = Path.of(cluster.field(job, "runDirectory"));
    assertThat(new TreeSet<>(hostsOf(run, 1))).containsExactly("host1", "host2", "host3");
    assertThat(result(run).path("stateHash").asText())
        .isEqualTo(embedded(TINY, settings).path("stateHash").asText());
  }

  @Test
  void shouldGoOnElsewhereWhenAHostIsLost() throws Exception {
    agents("");
    String job =
        cluster.submit(
            TINY, "parallel.workers=4", "train.steps=100000", "checkpoint.everySteps=100000");
    Path run = Path.of(cluster.field(job, "runDirectory"));
    cluster.await("steps", () -> step(run) > 50);
    List<Long> before = pids(run, 1, "host1");

    cluster.kill("agent2");
    cluster.await("a second formation", () -> !hostsOf(run, 2).isEmpty());
    assertThat(hostsOf(run, 2)).containsExactly("host1", "host1", "host3", "host3");
    assertThat(pids(run, 2, "host1")).as("survivors keep their processes").isEqualTo(before);
    long held = step(run);
    cluster.await("steps in it", () -> step(run) > held + 50);
    assertThat(events(run, "failure").get(0).path("host").asText()).isEqualTo("host2");

    // With a single host left, it waits and says for what.
    cluster.kill("agent3");
    cluster.await("a reason", () -> cluster.field(job, "reason").contains("needs 4 ranks"));
    cluster.agent(2, 2, "");
    cluster.await("a third formation", () -> !hostsOf(run, 3).isEmpty());
    assertThat(cluster.ask(1, "job", "cancel", job).code()).isZero();
    assertThat(cluster.ask(1, "job", "wait", job).code()).isEqualTo(130);
    assertThat(cluster.on(1, "job", "audit", run.toString()).code()).isZero();
  }

  @Test
  void shouldNameTheHostThatLacksAFile() throws Exception {
    Path data = Files.createDirectory(directory.resolve("data"));
    try (Stream<Path> files = Files.list(RealData.directory("mnist"))) {
      for (Path file : files.toList()) {
        Files.copy(file, data.resolve(file.getFileName()));
      }
    }
    agents("mount -t tmpfs none '" + data + "' &&");
    String path = "data.path=" + data;
    String two = cluster.submit(MNIST, "parallel.workers=4", "train.steps=5", path);
    assertThat(cluster.ask(1, "job", "wait", two).code()).as("two hosts have it").isZero();
    String three = cluster.submit(MNIST, "parallel.workers=6", "train.steps=5", path);
    assertThat(cluster.ask(1, "job", "wait", three).code()).isNotZero();
    assertThat(cluster.field(three, "reason")).contains("host host3 lacks data.path " + data);
  }

  private JsonNode embedded(String job, String... settings) throws Exception {
    List<String> more = new ArrayList<>();
    for (String setting : settings) {
      more.addAll(List.of("--set", setting));
    }
    try (TriremeRun run =
        TriremeRun.train(directory.resolve("embedded"), job, more.toArray(String[]::new))) {
      return run.succeeded();
    }
  }

  private static JsonNode result(Path run) throws Exception {
    return JSON.readTree(run.resolve("result.json").toFile());
  }

  private static List<JsonNode> events(Path run, String kind) throws Exception {
    return lines(run.resolve("events.jsonl")).stream()
        .filter(event -> event.path("type").asText().equals(kind))
        .toList();
  }

  /** An unfinished last line is left out. */
  private static List<JsonNode> lines(Path file) throws Exception {
    List<JsonNode> lines = new ArrayList<>();
    String text = Files.exists(file) ? Files.readString(file) : "";
    for (String line : text.substring(0, text.lastIndexOf('\n') + 1).split("\n")) {
      if (!line.isBlank()) {
        lines.add(JSON.readTree(line));
      }
    }
    return lines;
  }

  /** The hosts of the ranks of the formation of this number, in order of rank. */
  private static List<String> hostsOf(Path run, int number) throws Exception {
    List<JsonNode> formed = events(run, "generation");
    List<String> hosts = new ArrayList<>();
    if (formed.size() >= number) {
      formed.get(number - 1).path("ranks").forEach(r -> hosts.add(r.path("host").asText()));
    }
    return hosts;
  }

  private static List<Long> pids(Path run, int number, String host) throws Exception {
    List<Long> pids = new ArrayList<>();
    for (JsonNode rank : events(run, "generation").get(number - 1).path("ranks")) {
      if (rank.path("host").asText().equals(host)) {
        pids.add(rank.path("pid").asLong());
      }
    }
    return pids;
  }

  private static long step(Path run) throws Exception {
    List<JsonNode> lines = lines(run.resolve("metrics.jsonl"));
    return lines.isEmpty() ? 0 : lines.get(lines.size() - 1).path("step").asLong();
  }
}
