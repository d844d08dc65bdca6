package dev.trireme.coordinator.control;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.coordinator.CoordinatorConfig.Timing;
import dev.trireme.coordinator.Jobs;
import dev.trireme.coordinator.life.Time;
import dev.trireme.protocol.JobState;
import dev.trireme.protocol.Stored.GenerationRecord;
import dev.trireme.protocol.Stored.JobRecord;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Jobs that have ended in the store, and whose coordinator then stopped. */
@Timeout(60)
class LostResultsTest {
  @TempDir Path directory;
  private final MemoryJobStore store = new MemoryJobStore();

  private Path job(String jobId, JobState state, String run) throws Exception {
    Path path = Files.createDirectories(directory.resolve(run));
    Files.writeString(path.resolve("job.yaml"), "name: small\n");
    store.put(
        new JobRecord(
            jobId,
            1,
            9,
            Jobs.spec(2, 2),
            "name: small\n",
            path.toString(),
            "ann",
            1_000,
            state,
            "its reason",
            List.of(new GenerationRecord(4, 2, Optional.of(1L)))));
    return path;
  }

  private JobControl takeOver() {
    return new JobControl(
        "test", store, Timing.DEFAULT, Time.SYSTEM, () -> 99, (agentId, command) -> {});
  }

  private static void awaitLooked() throws InterruptedException {
    for (Thread thread : Thread.getAllStackTraces().keySet()) {
      if (thread.getName().equals("trireme-lost-results")) {
        thread.join();
      }
    }
  }

  @Test
  void shouldWriteTheResultThatTheCoordinatorBeforeDidNotComeToWrite() throws Exception {
    Path run = job("job-1", JobState.SUCCEEDED, "run");
    Files.writeString(
        run.resolve("metrics.jsonl"), "{\"step\":19,\"epoch\":1}\n{\"step\":20,\"epoch\":1}\n");
    Files.writeString(
        run.resolve("events.jsonl"),
        "{\"time\":\"1970-01-01T00:00:02Z\",\"type\":\"epoch\",\"epoch\":1}\n"
            + "{\"time\":\"1970-01-01T00:00:04.500Z\",\"type\":\"state\"}\n");
    try (JobControl control = takeOver()) {
      awaitLooked();
      assertThat(control.list()).hasSize(1);
    }
    assertThat(run.resolve("result.json"))
        .content()
        .contains("\"job\" : \"job-1\"", "\"state\" : \"SUCCEEDED\"", "\"reason\" : \"its reason\"")
        .contains("\"steps\" : 20", "\"epochs\" : 2", "\"worldSize\" : 2", "\"generations\" : 1")
        .contains("\"stateHash\" : null", "\"wallSeconds\" : 3.5");
  }

  @Test
  void shouldLeaveAloneWhatIsThereOrGoneOrInUse() throws Exception {
    Path there = job("job-1", JobState.FAILED, "there");
    Files.writeString(there.resolve("result.json"), "{}");
    Path shared = job("job-2", JobState.FAILED, "shared");
    job("job-3", JobState.QUEUED, "shared");
    Path gone = job("job-4", JobState.FAILED, "gone");
    Files.delete(gone.resolve("job.yaml"));
    Files.delete(gone);
    try (JobControl control = takeOver()) {
      awaitLooked();
      assertThat(control.list()).hasSize(4);
    }
    assertThat(there.resolve("result.json")).hasContent("{}");
    assertThat(shared.resolve("result.json")).doesNotExist();
    assertThat(gone).doesNotExist();
  }
}
