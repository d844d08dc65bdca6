package dev.trireme.coordinator.control;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.api.data.Cursor;
import dev.trireme.api.job.FailurePolicySpec;
import dev.trireme.api.train.Progress;
import dev.trireme.coordinator.CoordinatorConfig.Timing;
import dev.trireme.coordinator.JobStatus;
import dev.trireme.coordinator.JobSubmission;
import dev.trireme.coordinator.Jobs;
import dev.trireme.coordinator.NotActiveException;
import dev.trireme.coordinator.life.FakeTime;
import dev.trireme.protocol.AgentToCoordinator;
import dev.trireme.protocol.AgentToCoordinator.FromRank;
import dev.trireme.protocol.AgentToCoordinator.Inventory;
import dev.trireme.protocol.AgentToCoordinator.LeaseOver;
import dev.trireme.protocol.AgentToCoordinator.RankStarted;
import dev.trireme.protocol.AgentToCoordinator.RankThere;
import dev.trireme.protocol.AgentToCoordinator.RanksRefused;
import dev.trireme.protocol.AgentToCoordinator.RegisterAgent;
import dev.trireme.protocol.AgentToCoordinator.Said;
import dev.trireme.protocol.AgentToRank;
import dev.trireme.protocol.CoordinatorToAgent;
import dev.trireme.protocol.CoordinatorToAgent.EndRanks;
import dev.trireme.protocol.CoordinatorToAgent.Heard;
import dev.trireme.protocol.CoordinatorToAgent.StartRanks;
import dev.trireme.protocol.CoordinatorToAgent.TellRanks;
import dev.trireme.protocol.JobState;
import dev.trireme.protocol.RankReport;
import dev.trireme.protocol.Stamp;
import dev.trireme.protocol.StateSource;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** One coordinator after another, over the same store, with agents whose ranks step meanwhile. */
class TakingOverTest {
  @TempDir Path directory;

  private final MemoryJobStore store = new MemoryJobStore();
  private final FakeTime time = new FakeTime();
  private final List<CoordinatorToAgent> told = new ArrayList<>();
  private final Map<String, List<Said>> said = new TreeMap<>();

  private JobControl open() {
    told.clear();
    return new JobControl(
        "test", store, Timing.DEFAULT, time, () -> 99, (agentId, command) -> told.add(command));
  }

  private static RegisterAgent agent(String id, String incarnation) {
    return new RegisterAgent(id, "host-" + id, 2, 2, 0, 0).sent(incarnation, 7);
  }

  /** An agent says something more. */
  private void say(JobControl control, String agentId, AgentToCoordinator message) {
    List<Said> all = said.computeIfAbsent(agentId, id -> new ArrayList<>());
    Said next = new Said(agentId, "run", all.size(), all.size() + 1L, message);
    all.add(next);
    control.onMessage(next);
  }

  /** It says all of it once more, as to a new coordinator, and then who is there. */
  private void sayAgain(JobControl control, String agentId, RankThere... there) {
    said.getOrDefault(agentId, List.of()).forEach(control::onMessage);
    say(control, agentId, new Inventory(agentId, List.of(there)));
  }

  private String runningJob(JobControl control) {
    control.onRegistration(agent("a", "run"));
    String job =
        control.submit(
            new JobSubmission(
                Jobs.spec(2, 2, new FailurePolicySpec(5, 600, 3, 0, 0, 0)),
                "name: small\n",
                directory.resolve("run")));
    for (int rank = 0; rank < 2; rank++) {
      say(control, "a", new RankStarted("a", job, 1, rank, 100 + rank));
      report(control, job, rank, new RankReport.Ready(Progress.START, "", 20, 10, 2, 1000));
    }
    assertThat(status(control, job).state()).isEqualTo(JobState.RUNNING);
    report(control, job, 0, committed(1));
    return job;
  }

  private void report(JobControl control, String job, int rank, RankReport report) {
    say(control, "a", new FromRank("a", job, 1, rank, report));
  }

  private static RankReport committed(long step) {
    return new RankReport.Committed(step, new Cursor(0, 0), 100, 2.25, 0.1, 10, 1 << 20, 0, 0);
  }

  private static RankReport stopped(long step) {
    return new RankReport.Finished(
        new Progress(step, new Cursor(0, 500)), 0, true, Map.of(), "aa", Double.NaN);
  }

  private static JobStatus status(JobControl control, String jobId) {
    return control.list().stream().filter(s -> s.jobId().equals(jobId)).findFirst().orElseThrow();
  }

  private List<CoordinatorToAgent> commands() {
    return told.stream().filter(t -> !(t instanceof Heard)).toList();
  }

  private static RankThere there(String job, int rank) {
    return new RankThere(job, 1, rank);
  }

  @Test
  void shouldGoOnWithRanksThatStepAndRecordNothingTwice() throws Exception {
    String job;
    try (JobControl control = open()) {
      job = runningJob(control);
    }
    Path run = directory.resolve("run");
    int events = Files.readAllLines(run.resolve("events.jsonl")).size();
    try (JobControl control = open()) {
      assertThat(status(control, job).state()).isEqualTo(JobState.RUNNING);
      control.onRegistration(agent("a", "run"));
      // This one nobody has recorded.
      said.get("a").add(new Said("a", "run", 5, 6, new FromRank("a", job, 1, 0, committed(2))));
      sayAgain(control, "a", there(job, 0), there(job, 1));

      assertThat(commands()).as("ranks are left alone").isEmpty();
      assertThat(told).last().isEqualTo(new Heard(new Stamp(2, 0), 7));
      assertThat(status(control, job).generation()).isEqualTo(1);
      report(control, job, 0, committed(3));
      control.cancel(job, "enough", false);
      assertThat(commands())
          .allSatisfy(t -> assertThat(t.stamp()).isEqualTo(new Stamp(2, 1)))
          .isNotEmpty();
    }
    assertThat(Files.readAllLines(run.resolve("metrics.jsonl")))
        .extracting(line -> line.replaceAll(".*\"step\":([0-9]+).*", "$1"))
        .containsExactly("1", "2", "3");
    assertThat(Files.readAllLines(run.resolve("events.jsonl")).subList(events, events + 1))
        .as("the first event after the take-over")
        .first()
        .asString()
        .contains("has taken over in term 2");
    assertThat(Files.readAllLines(run.resolve("events.jsonl")))
        .filteredOn(line -> line.contains("rank-ready") || line.contains("RankReady"))
        .hasSizeLessThanOrEqualTo(2);
  }

  @Test
  void shouldOrderOnceMoreWhatNobodyHasHeard() {
    String job;
    try (JobControl control = open()) {
      control.onRegistration(agent("a", "run"));
      job =
          control.submit(
              new JobSubmission(Jobs.spec(2, 2), "name: small\n", directory.resolve("run")));
    }
    StartRanks first = (StartRanks) commands().get(0);
    try (JobControl control = open()) {
      control.onRegistration(agent("a", "run"));
      sayAgain(control, "a");

      StartRanks again = (StartRanks) commands().get(0);
      assertThat(again.stamp()).isEqualTo(new Stamp(2, 1));
      assertThat(again.formation()).isEqualTo(first.formation());
      assertThat(again.ranks()).isEqualTo(first.ranks());
      assertThat(status(control, job).state()).isEqualTo(JobState.STARTING);
    }
  }

  @Test
  void shouldMakeAFormationThatNobodyHasHeardOfFromTheRanksThatAreThere() {
    String job;
    try (JobControl control = open()) {
      job = runningJob(control);
      say(control, "a", new AgentToCoordinator.RankExited("a", job, 1, 1, gone(101)));
      report(control, job, 0, new RankReport.Parked(4, true, "over", 1));
      assertThat(commands()).last().isInstanceOf(StartRanks.class);
    }
    try (JobControl control = open()) {
      control.onRegistration(agent("a", "run"));
      sayAgain(control, "a", there(job, 0));

      assertThat(commands()).as("the survivor is not ended").hasSize(1);
      StartRanks again = (StartRanks) commands().get(0);
      assertThat(again.stamp()).isEqualTo(new Stamp(2, 2));
      assertThat(again.survivors()).containsExactly(new CoordinatorToAgent.Survivor(0, 100));
    }
  }

  /**
   * One of two ranks has died, its host has not what a replacement needs, and the only other is
   * full.
   */
  private String refusedJob(JobControl control) {
    String job = runningJob(control);
    control.onRegistration(new RegisterAgent("c", "host-c", 1, 1, 0, 0).sent("run", 7));
    control.submit(new JobSubmission(Jobs.spec(1, 1), "name: small\n", directory.resolve("other")));
    say(control, "a", new AgentToCoordinator.RankExited("a", job, 1, 0, gone(100)));
    report(control, job, 1, new RankReport.Parked(4, true, "over", 0));
    assertThat(commands()).last().isInstanceOf(StartRanks.class);
    told.clear();
    say(control, "a", new RanksRefused("a", job, 3, "lacks data.path /data"));
    assertThat(commands()).noneMatch(t -> t instanceof EndRanks);
    assertThat(status(control, job).state()).isEqualTo(JobState.RECOVERING);
    return job;
  }

  @Test
  void shouldGoOnWithASurvivorThatWaitsOnAHostThatRefusedTheOrder() {
    String job;
    try (JobControl control = open()) {
      job = refusedJob(control);
    }
    try (JobControl control = open()) {
      control.onRegistration(agent("a", "run"));
      sayAgain(control, "a", there(job, 1));
      assertThat(status(control, job).state()).isEqualTo(JobState.RECOVERING);
      control.onRegistration(agent("b", "run"));

      assertThat(commands()).noneMatch(t -> t instanceof EndRanks);
      assertThat(commands())
          .filteredOn(t -> t instanceof StartRanks s && !s.survivors().isEmpty())
          .singleElement()
          .satisfies(
              t -> {
                StartRanks next = (StartRanks) t;
                assertThat(next.source()).isEqualTo(StateSource.rank(1));
                assertThat(next.survivors())
                    .containsExactly(new CoordinatorToAgent.Survivor(1, 101));
              });
    }
  }

  /** Ranks 0 and 1 on agent a, 2 and 3 on b, and c has room. */
  private String spanningJob(JobControl control) {
    control.onRegistration(agent("a", "run"));
    control.onRegistration(agent("b", "run"));
    String job =
        control.submit(
            new JobSubmission(
                Jobs.spec(4, 4, new FailurePolicySpec(5, 600, 3, 0, 0, 0)),
                "name: small\n",
                directory.resolve("run")));
    for (int rank = 0; rank < 4; rank++) {
      String agentId = rank < 2 ? "a" : "b";
      say(control, agentId, new RankStarted(agentId, job, 1, rank, 100 + rank));
      RankReport ready = new RankReport.Ready(Progress.START, "", 20, 10, 2, 1000);
      say(control, agentId, new FromRank(agentId, job, 1, rank, ready));
    }
    assertThat(status(control, job).state()).isEqualTo(JobState.RUNNING);
    report(control, job, 0, committed(1));
    control.onRegistration(agent("c", "run"));
    return job;
  }

  /** Its words of a rank that died and of one that left, which no coordinator has heard yet. */
  private void breaks(String job) {
    List<Said> all = said.get("b");
    AgentToCoordinator exited = new AgentToCoordinator.RankExited("b", job, 1, 3, gone(103));
    all.add(new Said("b", "run", all.size(), all.size() + 1L, exited));
    RankReport parked = new RankReport.Parked(4, true, "over", 3);
    AgentToCoordinator left = new FromRank("b", job, 1, 2, parked);
    all.add(new Said("b", "run", all.size(), all.size() + 1L, left));
  }

  /** An agent has gone with the coordinator before, and another's ranks tell of a death. */
  @Test
  void shouldLoseAnAgentThatDoesNotComeBackAlsoWhereTheFormationBreaksMeanwhile() {
    String job;
    try (JobControl control = open()) {
      job = spanningJob(control);
    }
    breaks(job);
    try (JobControl control = open()) {
      control.onRegistration(agent("b", "run"));
      sayAgain(control, "b", there(job, 2));
      control.onRegistration(agent("c", "run"));
      sayAgain(control, "c");
      assertThat(status(control, job).state()).isEqualTo(JobState.RECOVERING);
      assertThat(commands()).noneMatch(t -> t instanceof StartRanks);
      for (int waits = 0; waits < 4; waits++) {
        time.pass(Timing.DEFAULT.leaseAndMargin());
        control.onTime();
      }
      assertThat(commands())
          .filteredOn(t -> t instanceof StartRanks s && !s.survivors().isEmpty())
          .singleElement()
          .satisfies(t -> assertThat(((StartRanks) t).source()).isEqualTo(StateSource.rank(2)));
    }
  }

  /** A host refuses the order that another, with survivors, has never had. */
  @Test
  void shouldGoOnWithSurvivorsThatNeverHadTheOrderWhichAnotherHostRefused() {
    String job;
    try (JobControl control = open()) {
      job = spanningJob(control);
      say(control, "b", new AgentToCoordinator.RankExited("b", job, 1, 3, gone(103)));
      for (int rank = 0; rank < 3; rank++) {
        String agentId = rank < 2 ? "a" : "b";
        RankReport parked = new RankReport.Parked(4, true, "over", 3);
        say(control, agentId, new FromRank(agentId, job, 1, rank, parked));
      }
      assertThat(commands()).last().isInstanceOf(StartRanks.class);
    }
    List<Said> all = said.get("b");
    AgentToCoordinator refused = new RanksRefused("b", job, 2, "lacks data.path /data");
    all.add(new Said("b", "run", all.size(), all.size() + 1L, refused));
    try (JobControl control = open()) {
      control.onRegistration(agent("c", "run"));
      sayAgain(control, "c");
      control.onRegistration(agent("b", "run"));
      sayAgain(control, "b", there(job, 2));
      control.onRegistration(agent("a", "run"));
      sayAgain(control, "a", there(job, 0), there(job, 1));

      assertThat(commands()).noneMatch(t -> t instanceof EndRanks);
      assertThat(
              commands().stream()
                  .filter(t -> t instanceof StartRanks)
                  .flatMap(t -> ((StartRanks) t).survivors().stream())
                  .map(CoordinatorToAgent.Survivor::pid))
          .contains(100L, 101L, 102L);
    }
  }

  @Test
  void shouldSeeThatARankHasDiedMeanwhile() {
    String job;
    try (JobControl control = open()) {
      job = runningJob(control);
    }
    try (JobControl control = open()) {
      control.onRegistration(agent("a", "run"));
      sayAgain(control, "a", there(job, 0));

      assertThat(status(control, job).state()).isEqualTo(JobState.RECOVERING);
      report(control, job, 0, new RankReport.Parked(4, true, "over", 1));
      StartRanks next = (StartRanks) commands().get(commands().size() - 1);
      assertThat(next.stamp()).isEqualTo(new Stamp(2, 2));
      assertThat(next.survivors()).containsExactly(new CoordinatorToAgent.Survivor(0, 100));
    }
  }

  @Test
  void shouldFormAnewFromRanksThatALeaseHasStopped() {
    String job;
    try (JobControl control = open()) {
      job = runningJob(control);
    }
    said.get("a").add(new Said("a", "run", 5, 6, new LeaseOver("a", job, 1)));
    for (int rank = 0; rank < 2; rank++) {
      said.get("a")
          .add(
              new Said(
                  "a", "run", 6 + rank, 7 + rank, new FromRank("a", job, 1, rank, stopped(9))));
    }
    try (JobControl control = open()) {
      control.onRegistration(agent("a", "run"));
      sayAgain(control, "a", there(job, 0), there(job, 1));

      StartRanks next = (StartRanks) commands().get(commands().size() - 1);
      assertThat(next.survivors()).hasSize(2);
      assertThat(next.source().kind()).hasToString("RANK");
    }
  }

  @Test
  void shouldLoseAnAgentThatDoesNotComeBackBeforeItsLeaseIsOver() throws IOException {
    String job;
    try (JobControl control = open()) {
      job = runningJob(control);
      report(control, job, 0, committed(5));
      assertThat(status(control, job).progress().orElseThrow().committed().step()).isEqualTo(5);
    }
    try (JobControl control = open()) {
      control.onRegistration(agent("b", "run"));
      assertThat(commands()).isEmpty();
      time.pass(Timing.DEFAULT.leaseAndMargin().minusSeconds(1));
      control.onTime();
      assertThat(commands()).isEmpty();
      time.pass(Duration.ofSeconds(1));
      control.onTime();

      assertThat(commands()).last().isInstanceOf(StartRanks.class);
      assertThat(status(control, job).generation()).isEqualTo(2);
      assertThat(status(control, job).progress()).isEmpty();
    }
    assertThat(Files.readString(directory.resolve("run/events.jsonl")))
        .contains(
            "host host-a: its agent did not come back once the coordinator before this one was"
                + " gone; generation 1, last committed step 5");
  }

  @Test
  void shouldReplaceRanksOutOfReachOnlyOnceTheirLeaseIsOver() {
    try (JobControl control = open()) {
      String job = runningJob(control);
      control.onRegistration(agent("b", "run"));
      told.clear();
      time.pass(Duration.ofSeconds(10));
      control.onAgentGone("a");
      assertThat(status(control, job).state()).isEqualTo(JobState.RECOVERING);
      time.pass(Timing.DEFAULT.leaseAndMargin().minusSeconds(11));
      control.onTime();
      assertThat(commands()).noneMatch(t -> t instanceof StartRanks);
      time.pass(Duration.ofSeconds(1));
      control.onTime();

      assertThat(commands()).last().isInstanceOf(StartRanks.class);
    }
  }

  @Test
  void shouldReplaceThemAtOnceWhenTheAgentHasJoinedAnew() {
    try (JobControl control = open()) {
      String job = runningJob(control);
      control.onAgentGone("a");
      told.clear();
      control.onRegistration(agent("a", "another run"));

      assertThat(commands()).last().isInstanceOf(StartRanks.class);
      assertThat(status(control, job).generation()).isEqualTo(2);
    }
  }

  @Test
  void shouldEndAsWasSettledWhenRanksWereBeingEnded() {
    String job;
    try (JobControl control = open()) {
      job = runningJob(control);
      for (long step : new long[] {10, 20, 30}) {
        String full = "no space left";
        report(control, job, 0, new RankReport.CheckpointFinished(step, "p", 0, 0, 0, full));
      }
      assertThat(status(control, job).state()).isEqualTo(JobState.STOPPING);
    }
    try (JobControl control = open()) {
      control.onRegistration(agent("a", "run"));
      sayAgain(control, "a", there(job, 1));
      assertThat(commands()).anyMatch(t -> t instanceof EndRanks);
      say(control, "a", new AgentToCoordinator.RankExited("a", job, 1, 1, gone(101)));

      assertThat(status(control, job).state()).isEqualTo(JobState.FAILED);
      assertThat(status(control, job).reason()).contains("no space left");
    }
  }

  private static AgentToCoordinator.RankExit gone(long pid) {
    return new AgentToCoordinator.RankExit(pid, 0, true, "exit code 0", List.of());
  }

  @Test
  void shouldStopARunThatWasBeingCancelled() {
    String job;
    try (JobControl control = open()) {
      job = runningJob(control);
      control.cancel(job, "enough", false);
    }
    try (JobControl control = open()) {
      control.onRegistration(agent("a", "run"));
      sayAgain(control, "a", there(job, 0), there(job, 1));

      assertThat(commands())
          .anyMatch(
              t -> t instanceof TellRanks r && r.command() instanceof AgentToRank.StopAfterStep);
      report(control, job, 0, stopped(9));
      report(control, job, 1, stopped(9));
      for (int rank = 0; rank < 2; rank++) {
        say(control, "a", new AgentToCoordinator.RankExited("a", job, 1, rank, gone(100 + rank)));
      }
      assertThat(status(control, job).state()).isEqualTo(JobState.CANCELLED);
    }
  }

  @Test
  void shouldDoNothingMoreOnceAnotherHasTakenOver() {
    try (JobControl control = open()) {
      String job = runningJob(control);
      store.taken(true);
      told.clear();
      assertThatThrownBy(
              () -> report(control, job, 0, new RankReport.Failed(3, "out of memory", 0, false)))
          .isInstanceOf(NotActiveException.class);
      time.pass(Duration.ofMinutes(1));
      assertThatThrownBy(() -> control.onRegistration(agent("a", "run")))
          .isInstanceOf(NotActiveException.class);
      assertThat(commands()).noneMatch(t -> t instanceof StartRanks);
    }
  }

  @Test
  void shouldTakeInWhatIsSaidOnceAndInOrder() {
    try (JobControl control = open()) {
      String job = runningJob(control);
      Said last = said.get("a").get(said.get("a").size() - 1);
      told.clear();
      control.onMessage(last);
      assertThat(told).containsExactly(new Heard(new Stamp(1, 0), last.number()));
      control.onMessage(
          new Said(
              "a",
              "run",
              last.number() + 1,
              last.number() + 2,
              new FromRank("a", job, 1, 0, committed(9))));
      assertThat(told).last().isEqualTo(new Heard(new Stamp(1, 0), last.number()));
    }
  }
}
