package dev.trireme.systemtests;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

/**
 * Who runs when, where and with how many ranks, on a cluster of two agents with processes that
 * train. Named, for it takes minutes: {@code -Dtrireme.slow=true -Dtest=SchedulingTest}.
 */
@EnabledIfSystemProperty(named = "trireme.slow", matches = "true")
class SchedulingTest {
  private static final String TINY =
      TriremeRun.home().resolve("system-tests/src/test/resources/jobs/tiny.yaml").toString();

  @TempDir Path directory;

  @Test
  void shouldPreemptWithACheckpointAndGoOnFromIt() throws Exception {
    try (ClusterRun cluster = new ClusterRun(directory)) {
      Process coordinator = cluster.coordinator("c1");
      cluster.agent("a1", 1, "c1");
      cluster.agent("a2", 1, "c1");
      String low = submit(cluster, "train.steps=100000", "checkpoint.everySteps=90000");
      awaitField(cluster, coordinator, low, "state", "RUNNING");
      String high = submit(cluster, "queue.priority=5");
      String equal = submit(cluster, "queue.priority=5", "train.seed=2");

      assertThat(show(cluster, equal).path("reason").asText()).isNotBlank();
      assertThat(cluster.ask("c1", "job", "wait", high).code()).isZero();
      assertThat(cluster.ask("c1", "job", "wait", equal).code()).isZero();
      awaitField(cluster, coordinator, low, "state", "RUNNING");
      JsonNode job = show(cluster, low);
      String events = Files.readString(Path.of(job.path("runDirectory").asText(), "events.jsonl"));
      assertThat(events)
          .contains("preempted by " + high + " of priority 5: saves its state")
          .contains("step-");
      assertThat(job.path("generation").asLong()).isGreaterThan(1);
      assertThat(cluster.ask("c1", "job", "cancel", low).code()).isZero();
      assertThat(cluster.ask("c1", "job", "wait", low).code()).isEqualTo(130);
      assertThat(cluster.plain("job", "audit", job.path("runDirectory").asText()).code()).isZero();
      assertThat(free(cluster)).isEqualTo(2);
    }
  }

  @Test
  void shouldShrinkForAJobThatWaitsAndGrowAgain() throws Exception {
    try (ClusterRun cluster = new ClusterRun(directory)) {
      Process coordinator = cluster.coordinator("c1");
      cluster.agent("a1", 2, "c1");
      cluster.agent("a2", 1, "c1");
      cluster.await(
          "two agents",
          coordinator,
          () -> cluster.ask("c1", "cluster", "show", "--json").json().path("agents").size() == 2);
      String elastic = submit(cluster, "train.steps=100000", "parallel.workers=1:3");
      awaitField(cluster, coordinator, elastic, "state", "RUNNING");
      awaitField(cluster, coordinator, elastic, "worldSize", "3");
      String never = submit(cluster, "parallel.workers=4");
      assertThat(show(cluster, never).path("reason").asText())
          .isEqualTo("needs 4 slots, the cluster has 3");

      String other = submit(cluster, "train.seed=3");
      assertThat(cluster.ask("c1", "job", "wait", other).code()).isZero();
      JsonNode job = show(cluster, elastic);
      String events = Files.readString(Path.of(job.path("runDirectory").asText(), "events.jsonl"));
      assertThat(events).contains("to have 1 ranks instead of 3");
      awaitField(cluster, coordinator, elastic, "worldSize", "3");
      awaitField(cluster, coordinator, elastic, "state", "RUNNING");
      assertThat(cluster.ask("c1", "job", "cancel", elastic).code()).isZero();
      assertThat(cluster.ask("c1", "job", "cancel", never).code()).isZero();
      assertThat(cluster.ask("c1", "job", "wait", elastic).code()).isEqualTo(130);
      assertThat(free(cluster)).isEqualTo(3);
    }
  }

  private static String submit(ClusterRun cluster, String... settings) throws Exception {
    String[] command = new String[3 + 2 * settings.length];
    command[0] = "job";
    command[1] = "submit";
    command[2] = TINY;
    for (int i = 0; i < settings.length; i++) {
      command[3 + 2 * i] = "--set";
      command[4 + 2 * i] = settings[i];
    }
    ClusterRun.Done done = cluster.ask("c1", command);
    assertThat(done.code()).as(done.err()).isZero();
    return done.out().strip();
  }

  private static JsonNode show(ClusterRun cluster, String job) throws Exception {
    return cluster.ask("c1", "job", "show", job, "--json").json();
  }

  private static int free(ClusterRun cluster) throws Exception {
    int free = 0;
    JsonNode agents = cluster.ask("c1", "cluster", "show", "--json").json().path("agents");
    for (JsonNode agent : agents) {
      free += agent.path("free").asInt();
    }
    return free;
  }

  private static void awaitField(
      ClusterRun cluster, Process coordinator, String job, String field, String value)
      throws Exception {
    cluster.await(
        field + " " + value + " of " + job,
        coordinator,
        () -> show(cluster, job).path(field).asText().equals(value));
  }
}
