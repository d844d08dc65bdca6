package dev.trireme.systemtests;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Whole jobs whose ranks meet over NCCL by what the coordinator deals out. Small libraries of host
 * memory stand in for NCCL and CUDA, and the ranks compute on the CPU; without a C compiler this is
 * skipped and says so.
 */
@Tag("long")
class NcclStandinTest {
  private static final String TINY =
      TriremeRun.home().resolve("system-tests/src/test/resources/jobs/tiny.yaml").toString();
  private static final Path SOURCES = TriremeRun.home().resolve("allreduce/src/test/c");
  private static final Path STANDINS = Path.of("target/standins").toAbsolutePath();

  @TempDir Path directory;

  @BeforeAll
  static void compile() throws Exception {
    boolean here =
        System.getProperty("os.name").equals("Linux")
            && System.getProperty("os.arch").equals("amd64")
            && Arrays.stream(System.getenv("PATH").split(":"))
                .anyMatch(folder -> Files.isExecutable(Path.of(folder, "cc")));
    if (!here) {
      System.out.println("SKIPPED without stand-ins for NCCL: needs cc, on Linux on x86-64");
    }
    Assumptions.assumeTrue(here, "no cc, or not Linux on x86-64");
    Files.createDirectories(STANDINS);
    compile("libcuda.so.1", "standin_libcuda.c");
    compile(
        "libcudart.so.13",
        "standin_cudart.c",
        "-Wl,--version-script=" + SOURCES.resolve("standin_cudart.map"));
    compile("libnvidia-ml.so.1", "../../../../launcher/src/test/c/standin_nvml.c");
    compile(
        "libnccl.so.2", "standin_nccl.c", STANDINS.resolve("libcudart.so.13").toString(), "-lrt");
  }

  private static void compile(String library, String source, String... more) throws Exception {
    List<String> command = new ArrayList<>(List.of("cc", "-shared", "-fPIC", "-O1", "-o"));
    command.add(STANDINS.resolve(library).toString());
    command.addAll(List.of("-Wl,-soname," + library, SOURCES.resolve(source).toString()));
    command.addAll(List.of(more));
    command.add("-lpthread");
    Process process = new ProcessBuilder(command).inheritIO().start();
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).as("the compiler ends").isTrue();
    assertThat(process.exitValue()).as("the compiler's exit code").isZero();
  }

  /** Those that are left are not aborted at the same moment: the later one may see rubbish. */
  @Test
  void shouldRecoverARankThatIsKilledInsideAnOperationOfNcclToTheSameBits() throws Exception {
    Path faults = directory.resolve("faults");
    Files.writeString(faults, "rubbish 0 0\nrubbish 1 0\n");
    String[] three = {"--set", "train.steps=300", "--set", NCCL, "--set", "parallel.workers=3"};
    String undisturbed;
    try (TriremeRun run = start(directory.resolve("undisturbed"), environment(true), three)) {
      undisturbed = run.succeeded().path("stateHash").asText();
    }
    Map<String, String> environment = new HashMap<>(environment(true));
    environment.put("TRIREME_STANDIN_FAULTS", faults.toString());
    try (TriremeRun run = start(directory, environment, three)) {
      run.awaitStep(5);
      JsonNode before = generations(run).get(0);
      assertThat(before.path("backend").asText()).isEqualTo("nccl");
      TriremeRun.signal(before.path("ranks").get(2).path("pid").asLong(), "KILL");

      JsonNode result = run.succeeded();

      assertThat(result.path("steps").asLong()).isEqualTo(300);
      assertThat(result.path("stateHash").asText()).isEqualTo(undisturbed);
      JsonNode after = generations(run).get(1);
      assertThat(after.path("backend").asText()).isEqualTo("nccl");
      assertThat(after.path("ranks").get(0))
          .as("the survivor")
          .isEqualTo(before.path("ranks").get(0));
      JsonNode recovered = events(run, "recovered").get(0);
      assertThat(recovered.path("source").asText()).isEqualTo("rank");
      assertThat(recovered.path("abortedSeconds").asDouble())
          .as("nobody waited for the deadline of the operation")
          .isLessThan(30);
    }
  }

  @Test
  void shouldGoOnWithTheCommunicatorThatIsLeftWhereAnElasticJobLosesARank() throws Exception {
    try (TriremeRun run =
        start(true, "--set", "train.steps=300", "--set", NCCL, "--set", "parallel.workers=2:3")) {
      run.awaitStep(5);
      JsonNode before = generations(run).get(generations(run).size() - 1);
      assertThat(before.path("ranks")).hasSize(3);
      TriremeRun.signal(before.path("ranks").get(0).path("pid").asLong(), "KILL");

      JsonNode result = run.succeeded();

      assertThat(result.path("steps").asLong()).isEqualTo(300);
      JsonNode after = generations(run).get(generations(run).indexOf(before) + 1);
      assertThat(after.path("backend").asText()).isEqualTo("nccl");
      assertThat(after.path("ranks")).hasSize(2);
      assertThat(after.path("ranks").get(0).path("pid"))
          .isEqualTo(before.path("ranks").get(1).path("pid"));
      assertThat(logs(run))
          .contains("goes on with the communicator of generation " + before.path("generation"))
          .doesNotContain("cannot go on with the communicator", "STANDIN");
    }
  }

  /** Also of communicators that were made with a process that came later. */
  @Test
  void shouldLoseEachRankInTurnAndGrowAgain() throws Exception {
    try (TriremeRun run =
        start(
            true, "--set", "train.steps=1000000", "--set", NCCL, "--set", "parallel.workers=2:3")) {
      long before = 0;
      for (int rank : new int[] {0, 2, 1}) {
        long last = before;
        run.await("a generation of three trains", () -> settled(run) > last);
        JsonNode newest = generations(run).get(generations(run).size() - 1);
        before = newest.path("generation").asLong();
        TriremeRun.signal(newest.path("ranks").get(rank).path("pid").asLong(), "KILL");
      }
      long last = before;
      run.await("three train again", () -> settled(run) > last);
      assertThat(generations(run)).allMatch(g -> g.path("backend").asText().equals("nccl"));
      assertThat(events(run, "failure")).hasSize(3);
      assertThat(logs(run))
          .contains("goes on with the communicator of generation " + before)
          .doesNotContain("STANDIN");
    }
  }

  /** The newest generation, where it has three ranks and has committed steps; else 0. */
  private static long settled(TriremeRun run) {
    List<JsonNode> all = generations(run);
    if (all.isEmpty()) {
      return 0;
    }
    JsonNode newest = all.get(all.size() - 1);
    long generation = newest.path("generation").asLong();
    boolean trains =
        run.lines("metrics.jsonl").stream()
            .anyMatch(line -> line.path("generation").asLong() == generation);
    return trains && newest.path("worldSize").asInt() == 3 ? generation : 0;
  }

  private static String logs(TriremeRun run) throws IOException {
    StringBuilder all = new StringBuilder();
    try (Stream<Path> files = Files.list(run.runDirectory().resolve("logs"))) {
      for (Path file : files.toList()) {
        all.append(Files.readString(file));
      }
    }
    return all.toString();
  }

  @Test
  void shouldMeasureOverNcclWithTheDevicesThatTheDriverShowsAndSayWhenTheyAreTooFew()
      throws Exception {
    Map<String, String> environment = Map.of("LD_LIBRARY_PATH", STANDINS.toString());
    String[] bench = {"bench", "allreduce", "--backend", "nccl", "-e", "64k", "--json", "--ranks"};
    for (String ranks : List.of("1", "2", "4")) {
      Path own = directory.resolve(ranks);
      try (TriremeRun run = TriremeRun.start(own, environment, with(bench, ranks))) {
        assertThat(run.exitCode()).as(run::stderr).isZero();
        assertThat(run.stdout()).contains("\"bytes\":65536", "\"wrong\":0");
      }
    }
    try (TriremeRun run = TriremeRun.start(directory, environment, with(bench, "5"))) {
      assertThat(run.exitCode()).isEqualTo(1);
      assertThat(run.stderr()).contains("a CUDA device for each of 5 ranks, found 4");
    }
  }

  /** Each agent is a host of its own, and what goes beside NCCL goes over the network. */
  @Test
  void shouldTrainOverNcclAcrossHostsAndRecoverARankThere() throws Exception {
    try (ClusterRun cluster = new ClusterRun(directory, environment(true))) {
      Process coordinator = cluster.coordinator("c1");
      cluster.agent("a1", 1, "c1");
      cluster.agent("a2", 1, "c1");
      String[] settings = {NCCL, "parallel.device=cpu", "train.steps=300"};
      List<String> submit = new ArrayList<>(List.of("job", "submit", TINY));
      Stream.of(settings).forEach(setting -> submit.addAll(List.of("--set", setting)));
      String job = cluster.ask("c1", submit.toArray(String[]::new)).out().strip();
      cluster.await("a step", coordinator, () -> runFile("metrics.jsonl").contains("\"step\":"));
      cluster.ask("c1", "chaos", job, "--kill-rank", "1", "--json");

      assertThat(cluster.ask("c1", "job", "wait", job).code()).as(cluster.logs()).isZero();
      List<JsonNode> formed = new ArrayList<>();
      for (String line : runFile("events.jsonl").split("\n")) {
        JsonNode event = new ObjectMapper().readTree(line);
        if (event.path("type").asText().equals("generation")) {
          formed.add(event);
        }
      }
      assertThat(formed).extracting(event -> event.path("backend").asText()).containsOnly("nccl");
      assertThat(formed).hasSize(2);
    }
  }

  /** What the only run of a cluster has written to one of its files so far. */
  private String runFile(String name) throws IOException {
    try (Stream<Path> files = Files.walk(directory.resolve("runs"))) {
      Optional<Path> file = files.filter(f -> f.endsWith(name)).findFirst();
      return file.isPresent() ? Files.readString(file.get()) : "";
    } catch (NoSuchFileException e) {
      return "";
    }
  }

  private static String[] with(String[] words, String last) {
    List<String> all = new ArrayList<>(List.of(words));
    all.add(last);
    return all.toArray(String[]::new);
  }

  @Test
  void shouldGoOnOverAeronWhereNcclCannotStartAndSayWhy() throws Exception {
    try (TriremeRun run = start(false, "--set", "train.steps=20")) {
      JsonNode result = run.succeeded();

      assertThat(result.path("steps").asLong()).isEqualTo(20);
      assertThat(generations(run).get(0).path("backend").asText()).isEqualTo("nccl");
      JsonNode second = generations(run).get(1);
      assertThat(second.path("backend").asText()).isEqualTo("aeron");
      assertThat(second.path("backingReason").asText())
          .contains("NCCL cannot start on rank")
          .contains("Duplicate GPU detected");
      assertThat(second.path("ranks")).isEqualTo(generations(run).get(0).path("ranks"));
    }
  }

  @Test
  void shouldFailWithTheReasonWhereTheJobWantsNcclAlone() throws Exception {
    try (TriremeRun run = start(false, "--set", NCCL)) {
      assertThat(run.exitCode()).isEqualTo(1);
      assertThat(run.stderr()).contains("NCCL cannot start").contains("Duplicate GPU detected");
    }
  }

  private static final String NCCL = "parallel.backend=nccl";

  /**
   * @param own whether each rank has a device of its own; else all have one
   */
  private TriremeRun start(boolean own, String... more) throws IOException {
    return start(directory, environment(own), more);
  }

  private static TriremeRun start(Path directory, Map<String, String> environment, String... more)
      throws IOException {
    List<String> arguments = new ArrayList<>(List.of("train", TINY, "--run-dir", "run"));
    arguments.addAll(List.of("--set", "parallel.device=cpu"));
    arguments.addAll(List.of(more));
    return TriremeRun.start(directory, environment, arguments.toArray(String[]::new));
  }

  private static Map<String, String> environment(boolean own) {
    return Map.of(
        "LD_LIBRARY_PATH",
        STANDINS.toString(),
        "TRIREME_JAVA_OPTS",
        "-Dtrireme.test.ncclOnHost=true -Dtrireme.test.ncclDevicePerRank=" + own);
  }

  private static List<JsonNode> generations(TriremeRun run) {
    return events(run, "generation");
  }

  private static List<JsonNode> events(TriremeRun run, String type) {
    return run.lines("events.jsonl").stream()
        .filter(line -> line.path("type").asText().equals(type))
        .toList();
  }
}
