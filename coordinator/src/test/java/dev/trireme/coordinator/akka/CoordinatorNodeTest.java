package dev.trireme.coordinator.akka;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.coordinator.CoordinatorConfig;
import dev.trireme.coordinator.CoordinatorException;
import dev.trireme.coordinator.CoordinatorNode;
import dev.trireme.coordinator.JobEvent;
import dev.trireme.coordinator.JobResult;
import dev.trireme.coordinator.JobService;
import dev.trireme.coordinator.JobStatus;
import dev.trireme.coordinator.JobSubmission;
import dev.trireme.coordinator.Jobs;
import dev.trireme.protocol.JobState;
import dev.trireme.protocol.RankReport;
import dev.trireme.protocol.Stamp;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A coordinator with its actor system and its store, and agents that play their part. */
class CoordinatorNodeTest {
  @TempDir Path directory;

  private final List<AutoCloseable> open = new ArrayList<>();
  private final BlockingQueue<JobEvent> events = new LinkedBlockingQueue<>();
  private CoordinatorNode node;

  @AfterEach
  void close() throws Exception {
    for (int i = open.size() - 1; i >= 0; i--) {
      open.get(i).close();
    }
  }

  @Test
  void shouldRunAJobToItsEndAndLeaveItsFiles() throws Exception {
    start();
    FakeAgent agent = agent("a", 2);
    assertThat(agent.awaitAccepted().stamp()).isEqualTo(new Stamp(1, 0));

    String id = submit(2, 2);
    await(e -> e instanceof JobEvent.StateChanged s && s.state() == JobState.RUNNING);
    agent.commit(id, 1, 1);
    await(e -> e instanceof JobEvent.Progress);
    agent.finish(id, 1, 0, "aa");
    agent.finish(id, 1, 1, "aa");
    JobResult result = awaitEnd();

    assertThat(id).isEqualTo("job-1");
    assertThat(result.state()).isEqualTo(JobState.SUCCEEDED);
    assertThat(result.steps()).isEqualTo(FakeAgent.TOTAL_STEPS);
    Path run = directory.resolve("run");
    assertThat(run.resolve("job.yaml")).hasContent("name: small");
    assertThat(run.resolve("result.json"))
        .content()
        .contains("\"state\" : \"SUCCEEDED\"", "\"stateHash\" : \"aa\"");
    assertThat(Files.readAllLines(run.resolve("metrics.jsonl"))).hasSize(1);
    assertThat(run.resolve("events.jsonl")).content().contains("\"type\":\"generation\"");
    assertThat(node.jobs().status(id)).map(JobStatus::state).contains(JobState.SUCCEEDED);
  }

  @Test
  void shouldNameARankThatWasKilled() throws Exception {
    start();
    FakeAgent agent = agent("a", 2);
    String id = submit(2, 2);
    await(e -> e instanceof JobEvent.StateChanged s && s.state() == JobState.RUNNING);
    agent.commit(id, 1, 5);
    agent.report(id, 1, 0, new RankReport.Failed(6, "rank 1 fell silent", 1, false));
    agent.kill(id, 1, 1);

    assertThat(awaitEnd().reason())
        .isEqualTo(
            "rank 1 on host host-a (pid 4001): killed by SIGKILL;"
                + " generation 1, last committed step 5");
    assertThat(directory.resolve("run/events.jsonl"))
        .content()
        .contains("\"type\":\"failure\"", "line of rank 1");
  }

  @Test
  void shouldFailTheJobWhenItsAgentLeaves() throws Exception {
    start();
    FakeAgent agent = agent("a", 2);
    submit(2, 2);
    await(e -> e instanceof JobEvent.StateChanged s && s.state() == JobState.RUNNING);
    agent.close();

    assertThat(awaitEnd().reason()).startsWith("host host-a: its agent was lost");
  }

  @Test
  void shouldLetAJobWaitForItsSlotsAndSayWhatFor() throws Exception {
    start();
    agent("a", 1).awaitAccepted();
    String id = submit(2, 2);
    await(
        e ->
            e instanceof JobEvent.StateChanged s
                && s.reason().equals("needs 2 slots, the one host has 1"));

    agent("b", 2);
    await(e -> e instanceof JobEvent.StateChanged s && s.state() == JobState.RUNNING);
    assertThat(node.jobs().status(id).orElseThrow().reason()).isEqualTo("all ranks are ready");
    node.jobs().cancel(id, "enough");
    node.jobs().cancel(id, "now");

    assertThat(awaitEnd().state()).isEqualTo(JobState.CANCELLED);
  }

  @Test
  void shouldKeepJobsAcrossARestart() throws Exception {
    start();
    String waiting = submit(2, 2);
    node.close();
    open.clear();

    start();
    assertThat(node.jobs().status(waiting)).map(JobStatus::state).contains(JobState.QUEUED);
    events.clear();
    FakeAgent agent = agent("a", 2);
    assertThat(agent.awaitAccepted().stamp().term()).isEqualTo(2);
    node.jobs().watch(waiting, events::add);
    await(e -> e instanceof JobEvent.StateChanged s && s.state() == JobState.RUNNING);
    agent.close();
    open.remove(agent);
    assertThat(awaitEnd().state()).isEqualTo(JobState.FAILED);
  }

  @Test
  void shouldRefuseWhatCannotBe() throws Exception {
    start();
    JobService jobs = node.jobs();
    Path file = Files.writeString(directory.resolve("file"), "");
    submit(2, 2);

    assertThatThrownBy(() -> jobs.submit(submission(1, 1, file)))
        .isInstanceOf(CoordinatorException.class)
        .hasMessageContaining("cannot write the run directory " + file);
    assertThatThrownBy(() -> jobs.submit(submission(1, 1, directory.resolve("x/../run"))))
        .isInstanceOf(CoordinatorException.class)
        .hasMessageContaining("belongs to job-1, which has not ended");
    assertThatThrownBy(() -> jobs.cancel("job-7", "x"))
        .isInstanceOf(CoordinatorException.class)
        .hasMessageContaining("there is no job 'job-7'");
    assertThatThrownBy(() -> jobs.watch("nonsense", e -> {}))
        .isInstanceOf(CoordinatorException.class)
        .hasMessageContaining("there is no job 'nonsense'");
    assertThat(jobs.status("job-7")).isEmpty();
    assertThat(jobs.list()).extracting(JobStatus::jobId).containsExactly("job-1");
  }

  @Test
  void shouldSayWhyItCannotStart() throws IOException {
    start();
    int port = Integer.parseInt(node.address().split(":")[1]);
    Path state = directory.resolve("state");
    CoordinatorConfig taken =
        new CoordinatorConfig(
            "other",
            "127.0.0.1",
            port,
            directory.resolve("other"),
            CoordinatorConfig.Timing.DEFAULT);

    assertThatThrownBy(() -> CoordinatorNode.start(taken))
        .isInstanceOf(CoordinatorException.class)
        .hasMessageContaining("cannot listen on 127.0.0.1:" + port);
    try (CoordinatorNode second =
        CoordinatorNode.start(CoordinatorConfig.loopback("second", state))) {
      assertThatThrownBy(second::jobs)
          .isInstanceOf(CoordinatorException.class)
          .hasMessageContaining("in use by another coordinator");
    }
  }

  private void start() {
    node = CoordinatorNode.start(CoordinatorConfig.loopback("test", directory.resolve("state")));
    open.add(node);
  }

  private FakeAgent agent(String id, int slots) {
    FakeAgent agent = new FakeAgent(id, slots, node.address());
    open.add(agent);
    return agent;
  }

  private String submit(int min, int max) {
    String id = node.jobs().submit(submission(min, max, directory.resolve("run")));
    node.jobs().watch(id, events::add);
    return id;
  }

  private static JobSubmission submission(int min, int max, Path runDirectory) {
    return new JobSubmission(Jobs.spec(min, max), "name: small\n", runDirectory);
  }

  private JobResult awaitEnd() throws InterruptedException {
    return ((JobEvent.Ended) await(e -> e instanceof JobEvent.Ended)).result();
  }

  private JobEvent await(Predicate<JobEvent> condition) throws InterruptedException {
    List<JobEvent> seen = new ArrayList<>();
    for (JobEvent event = next(seen); ; event = next(seen)) {
      seen.add(event);
      if (condition.test(event)) {
        return event;
      }
    }
  }

  private JobEvent next(List<JobEvent> seen) throws InterruptedException {
    JobEvent event = events.poll(30, TimeUnit.SECONDS);
    assertThat(event).as("the next event after %s", seen).isNotNull();
    return event;
  }
}
