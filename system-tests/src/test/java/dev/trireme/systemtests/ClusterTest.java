package dev.trireme.systemtests;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

/** A coordinator and agents as processes of their own, with credentials, asked by commands. */
class ClusterTest {
  private static final String TINY =
      TriremeRun.home().resolve("system-tests/src/test/resources/jobs/tiny.yaml").toString();

  @TempDir Path directory;

  @Test
  void shouldRunTheLifeOfAJobAndStopInOrder() throws Exception {
    try (ClusterRun cluster = new ClusterRun(directory)) {
      Process coordinator = cluster.coordinator("c1");
      String compressed = "parallel.compression=float16";
      Path jar = directory.resolve("mine.jar");
      Files.copy(TriremeRun.home().resolve("examples/target/trireme-examples.jar"), jar);
      String program = "program={class: dev.trireme.examples.UntilGoodEnough, jar: mine.jar}";
      String waiting =
          cluster
              .ask("c1", "job", "submit", TINY, "--set", compressed, "--set", program)
              .out()
              .strip();
      Files.delete(jar);
      assertThat(waiting).isEqualTo("job-1");
      assertThat(cluster.ask("c1", "job", "show", waiting, "--json").field("reason"))
          .isEqualTo("needs 2 slots, no agent has joined");
      assertThat(ready(cluster, "c1")).isEqualTo(200);

      // Each has room for one of the two ranks: what they say to each other goes over UDP.
      Process agent = cluster.agent("a1", 1, "c1");
      Process other = cluster.agent("a2", 1, "c1");
      assertThat(cluster.ask("c1", "job", "wait", waiting).code()).isZero();
      JsonNode jobs = cluster.ask("c1", "job", "list", "--json").json();
      assertThat(jobs.path(0).path("state").asText()).isEqualTo("SUCCEEDED");
      assertThat(cluster.ask("c1", "job", "logs", "1", "--rank", "0", "-f").out())
          .contains("computes on cpu");
      JsonNode result = cluster.ask("c1", "job", "show", "1", "--json").json();
      assertThat(result.path("stateHash").asText()).isNotEmpty();
      assertThat(result.path("submitted").asText()).isNotEmpty();
      ClusterRun.Done silent = cluster.ask("c1", "job", "logs", "1", "--rank", "7");
      assertThat(silent.code()).isEqualTo(2);
      assertThat(silent.err()).contains("expected a rank of 0 to 1");
      try (Stream<Path> cached = Files.walk(directory.resolve("cache"))) {
        assertThat(cached).as("what was shipped").anyMatch(f -> f.endsWith("mine.jar"));
      }
      JsonNode shown = cluster.ask("c1", "cluster", "show", "--json").json();
      assertThat(shown.path("agents").findValuesAsText("free")).containsExactly("1", "1");

      hostsReachEachOther(cluster.ask("c1", "doctor", "--json"));

      String endless =
          cluster.ask("c1", "job", "submit", TINY, "--set", "train.steps=1000000").out().strip();
      cluster.await(
          "a job that tells how far it is",
          coordinator,
          () -> {
            JsonNode progress =
                cluster.ask("c1", "job", "show", endless, "--json").json().path("progress");
            return progress.path("step").asLong() > 0
                && progress.path("totalSteps").asLong() == 1_000_000;
          });
      JsonNode harmed = cluster.ask("c1", "chaos", endless, "--kill-rank", "1", "--json").json();
      assertThat(harmed.path(0).path("recovered").asBoolean()).as(harmed.toString()).isTrue();
      assertThat(cluster.ask("c1", "job", "cancel", endless).code()).isZero();
      assertThat(cluster.ask("c1", "job", "wait", endless).code()).isEqualTo(130);
      assertThat(cluster.ask("c1", "job", "show", "job-99").code()).isEqualTo(2);

      List<ProcessHandle> ranks = Stream.of(agent, other).flatMap(Process::descendants).toList();
      String api = cluster.addresses("c1").path("api").asText();
      for (Process service : List.of(agent, other, coordinator)) {
        service.destroy();
        assertThat(service.waitFor(30, TimeUnit.SECONDS)).isTrue();
        assertThat(service.exitValue()).isZero();
      }
      TriremeRun.awaitGone(ranks, Duration.ofSeconds(10));
      ClusterRun.Done nobody =
          cluster.plain("job", "list", "--cluster", api, "--credentials", "credentials");
      assertThat(nobody.code()).isEqualTo(3);
    }
  }

  /** Other users of this host are strangers, too. */
  @Test
  void shouldTakeNobodyInWithoutCredentialsOnLoopbackEither() throws Exception {
    try (ClusterRun cluster = new ClusterRun(directory)) {
      Process coordinator = cluster.withoutCredentials("c1");
      String own = "state-c1/credentials";
      assertThat(Files.getPosixFilePermissions(directory.resolve(own)))
          .isEqualTo(PosixFilePermissions.fromString("rwx------"));
      String control = cluster.addresses("c1").path("control").asText();
      String api = cluster.addresses("c1").path("api").asText();
      ClusterRun.Done bare = cluster.plain("agent", "--join", control);
      assertThat(bare.code()).isEqualTo(2);
      assertThat(bare.err()).contains("--credentials");
      cluster.joining("stranger", 1, List.of(control), ClusterRun.SHARED);
      cluster.joining("a1", 1, List.of(control), own);
      String[] show = {"cluster", "show", "--json", "--cluster", api, "--credentials"};
      cluster.await(
          "an agent",
          coordinator,
          () -> !cluster.plain(with(show, own)).json().path("agents").isEmpty());
      assertThat(cluster.plain(with(show, own)).json().path("agents").findValuesAsText("agent"))
          .containsExactly("a1");
      assertThat(cluster.plain(with(show, ClusterRun.SHARED)).code()).isEqualTo(3);
    }
  }

  private static String[] with(String[] arguments, String last) {
    return Stream.concat(Stream.of(arguments), Stream.of(last)).toArray(String[]::new);
  }

  /** Named, for it takes a minute: {@code -Dtrireme.slow=true -Dtest=ClusterTest}. */
  @Test
  @EnabledIfSystemProperty(named = "trireme.slow", matches = "true")
  void shouldGoOnWithTheNextCoordinatorWhenTheActiveOneIsKilled() throws Exception {
    try (ClusterRun cluster = new ClusterRun(directory)) {
      List<Integer> ports = ClusterRun.freePorts(3);
      List<Process> coordinators = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        coordinators.add(cluster.coordinator("c" + i, ports.get(i), ports));
      }
      Process agent = cluster.agent("a1", 2, "c0", "c1", "c2");
      String all = "c0,c1,c2";
      String[] submit = {
        "job", "submit", TINY, "--set", "train.steps=3000", "--set", "checkpoint.everySteps=50"
      };
      String running = cluster.ask(all, submit).out().strip();
      String waiting = cluster.ask(all, "job", "submit", TINY).out().strip();
      cluster.await("checkpoint", agent, () -> checkpointOf(all, cluster, running));
      String active = cluster.ask(all, "cluster", "show", "--json").field("coordinator");

      coordinators.get(active.charAt(1) - '0').destroyForcibly();
      String others = all.replace(active, "").replace(",,", ",").replaceAll("^,|,$", "");
      cluster.await(
          "another coordinator",
          agent,
          () -> {
            ClusterRun.Done shown = cluster.ask(others, "cluster", "show", "--json");
            return shown.code() == 0 && !shown.field("coordinator").equals(active);
          });
      assertThat(cluster.ask(others, "job", "show", waiting, "--json").code()).isZero();
      assertThat(cluster.ask(others, "job", "wait", running).code()).isZero();
      assertThat(cluster.ask(others, "job", "wait", waiting).code()).isZero();
      JsonNode job = cluster.ask(others, "job", "show", running, "--json").json();
      assertThat(job.path("generation").asLong()).as("goes on in the same one").isEqualTo(1);
      assertThat(cluster.plain("job", "audit", job.path("runDirectory").asText()).code()).isZero();
    }
  }

  /** Nobody is left of its ranks, and there is no host for others: named like the one above. */
  @Test
  @EnabledIfSystemProperty(named = "trireme.slow", matches = "true")
  void shouldSayWhatItWaitsForWhenItsHostIsLostAndGoOnWhenThereIsAnother() throws Exception {
    try (ClusterRun cluster = new ClusterRun(directory)) {
      Process coordinator = cluster.coordinator("c0");
      Process agent = cluster.agent("a1", 2, "c0");
      String[] submit = {
        "job", "submit", TINY, "--set", "train.steps=2000", "--set", "checkpoint.everySteps=50"
      };
      ClusterRun.Done submitted = cluster.ask("c0", submit);
      assertThat(submitted.code()).as(submitted.err()).isZero();
      String job = submitted.out().strip();
      cluster.await("checkpoint", agent, () -> checkpointOf("c0", cluster, job));
      List<ProcessHandle> ranks = agent.descendants().toList();
      agent.destroyForcibly();
      TriremeRun.awaitGone(ranks, Duration.ofSeconds(15));

      cluster.agent("small", 1, "c0");
      cluster.await(
          "a reason to wait",
          coordinator,
          () ->
              cluster
                  .ask("c0", "job", "show", job, "--json")
                  .field("reason")
                  .equals("needs 2 ranks, 0 ranks survive and 1 slot is free"));
      cluster.agent("a2", 2, "c0");
      assertThat(cluster.ask("c0", "job", "wait", job).code()).isZero();
      JsonNode shown = cluster.ask("c0", "job", "show", job, "--json").json();
      assertThat(shown.path("generation").asLong()).isEqualTo(2);
      assertThat(cluster.plain("job", "audit", shown.path("runDirectory").asText()).code())
          .isZero();
    }
  }

  private static boolean checkpointOf(String coordinators, ClusterRun cluster, String job)
      throws Exception {
    String run = cluster.ask(coordinators, "job", "show", job, "--json").field("runDirectory");
    Path checkpoints = Path.of(run, "checkpoints");
    try (Stream<Path> steps =
        Files.isDirectory(checkpoints) ? Files.list(checkpoints) : Stream.empty()) {
      return steps.anyMatch(p -> p.getFileName().toString().startsWith("step-"));
    }
  }

  private static void hostsReachEachOther(ClusterRun.Done doctor) throws Exception {
    JsonNode probe = doctor.json();
    // A machine that is busy may lose datagrams, which is worth telling of and no fault here.
    assertThat(probe.path("findings"))
        .as(doctor.out())
        .allMatch(finding -> finding.asText().contains("datagrams were lost"));
    assertThat(doctor.code()).isEqualTo(probe.path("findings").isEmpty() ? 0 : 1);
    assertThat(probe.path("hosts").findValuesAsText("agent")).containsExactly("a1", "a2");
    for (JsonNode host : probe.path("hosts")) {
      assertThat(host.path("ways")).as(host.toString()).hasSize(1);
      JsonNode way = host.path("ways").path(0);
      assertThat(way.path("to").asText()).isNotEqualTo(host.path("agent").asText());
      assertThat(way.path("reached").asBoolean()).as(host.toString()).isTrue();
      assertThat(way.path("roundTripMicros").asDouble()).isPositive();
      assertThat(way.path("bytesPerSecond").asDouble()).isPositive();
      assertThat(way.path("tcpBytesPerSecond").asDouble()).isPositive();
    }
  }

  static int ready(ClusterRun cluster, String coordinator) throws Exception {
    String health = cluster.addresses(coordinator).path("health").asText();
    return HttpClient.newHttpClient()
        .send(
            HttpRequest.newBuilder(URI.create("http://" + health + "/readyz")).build(),
            HttpResponse.BodyHandlers.discarding())
        .statusCode();
  }
}
