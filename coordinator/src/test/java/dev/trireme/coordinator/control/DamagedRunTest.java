package dev.trireme.coordinator.control;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.coordinator.CoordinatorConfig.Timing;
import dev.trireme.coordinator.JobStatus;
import dev.trireme.coordinator.JobSubmission;
import dev.trireme.coordinator.Jobs;
import dev.trireme.coordinator.life.FakeTime;
import dev.trireme.coordinator.store.FileJobStore;
import dev.trireme.coordinator.store.JobStore;
import dev.trireme.protocol.AgentToCoordinator.Inventory;
import dev.trireme.protocol.AgentToCoordinator.RankThere;
import dev.trireme.protocol.AgentToCoordinator.RegisterAgent;
import dev.trireme.protocol.AgentToCoordinator.Said;
import dev.trireme.protocol.CoordinatorToAgent;
import dev.trireme.protocol.CoordinatorToAgent.EndRanks;
import dev.trireme.protocol.CoordinatorToAgent.StartRanks;
import dev.trireme.protocol.JobState;
import dev.trireme.protocol.Stored.JobRecord;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;
import org.junit.jupiter.api.io.TempDir;

/** A coordinator takes over, and somebody has written into the files of one of the jobs. */
@Timeout(value = 60, threadMode = ThreadMode.SEPARATE_THREAD)
class DamagedRunTest {
  @TempDir Path directory;

  private final FakeTime time = new FakeTime();
  private final List<CoordinatorToAgent> told = new ArrayList<>();
  private JobStore store;

  @BeforeEach
  void openStore() {
    store = FileJobStore.open(directory.resolve("state"));
  }

  @AfterEach
  void closeStore() {
    store.close();
  }

  private JobControl open() {
    told.clear();
    return new JobControl(
        "test", store, Timing.DEFAULT, time, () -> 99, (agentId, command) -> told.add(command));
  }

  private static RegisterAgent agent() {
    return new RegisterAgent("a", "host-a", 2, 2, 0, 0).sent("run", 7);
  }

  private String submit(JobControl control, String run) {
    return control.submit(
        new JobSubmission(Jobs.spec(1, 1), "name: small\n", directory.resolve(run)));
  }

  /** Two jobs whose ranks were ordered. */
  private List<String> twoJobs() {
    try (JobControl control = open()) {
      control.onRegistration(agent());
      List<String> jobs = List.of(submit(control, "first"), submit(control, "second"));
      assertThat(told).filteredOn(t -> t instanceof StartRanks).hasSize(2);
      return jobs;
    }
  }

  private static JobStatus status(JobControl control, String job) {
    return control.status(job).orElseThrow();
  }

  /** The agent joins and says which ranks it has. */
  private void join(JobControl control, RankThere... there) {
    control.onRegistration(agent());
    control.onMessage(new Said("a", "run", 0, 1, new Inventory("a", List.of(there))));
  }

  private List<String> started() {
    return told.stream()
        .filter(t -> t instanceof StartRanks)
        .map(t -> ((StartRanks) t).jobId())
        .toList();
  }

  @Test
  void shouldTakeOverAJobWhoseEventsNameNoOrigin() throws Exception {
    List<String> jobs = twoJobs();
    for (String file : List.of("events.jsonl", "metrics.jsonl")) {
      Files.writeString(
          directory.resolve("first").resolve(file),
          "{\"said\":\"x\"}\n{\"said\":\"a/run:99999999999999999999.0\"}\n",
          StandardOpenOption.CREATE,
          StandardOpenOption.APPEND);
    }
    try (JobControl control = open()) {
      join(control);
      assertThat(started()).containsExactlyElementsOf(jobs);
      for (String job : jobs) {
        assertThat(status(control, job).state()).isEqualTo(JobState.STARTING);
      }
    }
  }

  private Path pipe(String name) throws Exception {
    Path file = directory.resolve(name);
    Files.deleteIfExists(file);
    assertThat(new ProcessBuilder("mkfifo", file.toString()).start().waitFor()).isZero();
    return file;
  }

  @Test
  void shouldFailTheOneJobThatCannotBeTakenOver() throws Exception {
    List<String> jobs = twoJobs();
    Path pipe = pipe("first/events.jsonl");
    try (JobControl control = open()) {
      assertThat(status(control, jobs.get(0)).state()).isEqualTo(JobState.FAILED);
      assertThat(status(control, jobs.get(0)).reason())
          .contains(pipe.toString(), "expected a regular file", "job resume job-1");
      join(control, new RankThere(jobs.get(0), 1, 0), new RankThere(jobs.get(1), 2, 0));
      assertThat(told)
          .as("its ranks are ended")
          .filteredOn(t -> t instanceof EndRanks)
          .extracting(t -> ((EndRanks) t).jobId())
          .containsExactly(jobs.get(0));
      assertThat(status(control, jobs.get(1)).state()).isEqualTo(JobState.STARTING);
    }
    Files.delete(pipe);
    // It was perhaps that coordinator's host alone which did not see the run directory.
    try (JobControl control = open()) {
      assertThat(status(control, jobs.get(0)).state()).isEqualTo(JobState.STARTING);
      join(control, new RankThere(jobs.get(1), 2, 0));
      assertThat(started()).containsExactly(jobs.get(0));
    }
  }

  @Test
  void shouldGoOnWithTheOthersWhateverIsWrongWithOne() {
    List<String> jobs = twoJobs();
    JobRecord first =
        store.jobs().stream().filter(r -> r.jobId().equals(jobs.get(0))).findAny().orElseThrow();
    store.put(
        new JobRecord(
            first.jobId(),
            first.term(),
            first.version() + 1,
            first.job(),
            first.resolvedSpec(),
            "no\0path",
            first.user(),
            first.submittedMillis(),
            first.state(),
            first.reason(),
            first.generations()));
    try (JobControl control = open()) {
      join(control);
      assertThat(started()).containsExactly(jobs.get(1));
      assertThat(control.status(jobs.get(0))).as("no status could hold it").isEmpty();
      assertThat(store.jobs())
          .filteredOn(r -> r.jobId().equals(jobs.get(0)))
          .singleElement()
          .satisfies(
              r -> {
                assertThat(r.state()).isEqualTo(JobState.FAILED);
                assertThat(r.reason()).contains("this is a bug", "InvalidPathException");
              });
    }
  }
}
