package dev.trireme.systemtests;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.trireme.coordinator.rundir.SampleAudit;
import dev.trireme.launcher.control.ApiClient;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

/**
 * Many jobs handed in at once to a small cluster of processes, three coordinators and three agents,
 * of which some are cancelled, while ranks, agents and coordinators are killed ({@link JobStorm}):
 * every job ends in a stated way, none is lost, none runs twice, no slot leaks. Named, for it takes
 * minutes: {@code -Dtrireme.jobs=200 -Dtest=ManyRealJobsTest}, and {@code -Dtrireme.seed=N} for
 * another history.
 */
@EnabledIfSystemProperty(named = "trireme.jobs", matches = "[0-9]+")
@Timeout(value = 1, unit = TimeUnit.HOURS)
class ManyRealJobsTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int STEPS = 16;

  @TempDir Path directory;

  @Test
  void shouldEndEveryJobInAStatedWayAndLeakNoSlot() throws Exception {
    int count = Integer.getInteger("trireme.jobs");
    long seed = Long.getLong("trireme.seed", 1);
    try (JobStorm storm = new JobStorm(directory, seed)) {
      Set<String> submitted = storm.submit(count);
      storm.liveUntilAllHaveEnded(submitted, Duration.ofSeconds(300 + 10L * count));

      ApiClient client = storm.client();
      Map<String, JsonNode> jobs = new TreeMap<>();
      for (JsonNode job : client.jobs()) {
        assertThat(jobs.put(job.path("job").asText(), job)).as("a second %s", job).isNull();
      }
      assertThat(jobs.keySet()).as("none is lost").isEqualTo(submitted);
      Map<String, Integer> states = new TreeMap<>();
      for (JsonNode job : jobs.values()) {
        states.merge(job.path("state").asText(), 1, Integer::sum);
        endedInAStatedWay(job, storm.cancelled());
      }
      storm.awaitAllSlotsFree();
      System.out.println("jobs " + states + "; " + storm.summary(jobs.values()));
    }
  }

  private static void endedInAStatedWay(JsonNode job, Set<String> cancelled) throws Exception {
    String id = job.path("job").asText();
    Path run = Path.of(job.path("runDirectory").asText());
    String state = job.path("state").asText();
    assertThat(state).as(job.toString()).isIn("SUCCEEDED", "CANCELLED");
    assertThat(job.path("reason").asText()).as(id).isNotBlank();
    List<JsonNode> events = events(run);
    List<String> ends = new ArrayList<>();
    Map<Long, String> generations = new HashMap<>();
    for (JsonNode event : events) {
      String type = event.path("type").asText();
      if (type.equals("ended")) {
        ends.add(event.path("state").asText());
      } else if (type.equals("generation")) {
        assertThat(ends).as("%s runs again after its end", id).isEmpty();
        long generation = event.path("generation").asLong();
        assertThat(generations.put(generation, event.toString()))
            .as("generation %d of %s is formed twice", generation, id)
            .isNull();
      }
    }
    assertThat(ends).as("ends of %s", id).containsExactly(state);
    if (state.equals("CANCELLED")) {
      assertThat(cancelled).contains(id);
      return;
    }
    JsonNode result = JSON.readTree(run.resolve("result.json").toFile());
    assertThat(result.path("state").asText()).as(id).isEqualTo(state);
    assertThat(result.path("steps").asInt()).as(id).isEqualTo(STEPS);
    SampleAudit audit = SampleAudit.of(run);
    assertThat(audit.sound()).as("%s: %s", id, audit).isTrue();
    assertThat(audit.steps()).as(id).isEqualTo(STEPS);
  }

  private static List<JsonNode> events(Path run) throws Exception {
    List<JsonNode> events = new ArrayList<>();
    for (String line : Files.readAllLines(run.resolve("events.jsonl"))) {
      events.add(JSON.readTree(line));
    }
    return events;
  }
}
