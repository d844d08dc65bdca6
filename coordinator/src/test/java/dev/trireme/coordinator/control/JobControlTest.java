package dev.trireme.coordinator.control;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.api.data.Cursor;
import dev.trireme.api.train.Progress;
import dev.trireme.coordinator.CoordinatorConfig.Timing;
import dev.trireme.coordinator.CoordinatorException;
import dev.trireme.coordinator.JobService.HarmOrder;
import dev.trireme.coordinator.JobService.Harmed;
import dev.trireme.coordinator.JobStatus;
import dev.trireme.coordinator.JobSubmission;
import dev.trireme.coordinator.Jobs;
import dev.trireme.coordinator.life.FakeTime;
import dev.trireme.protocol.AgentToCoordinator.FromRank;
import dev.trireme.protocol.AgentToCoordinator.HarmAnswered;
import dev.trireme.protocol.AgentToCoordinator.RankExit;
import dev.trireme.protocol.AgentToCoordinator.RankExited;
import dev.trireme.protocol.AgentToCoordinator.RankStarted;
import dev.trireme.protocol.AgentToCoordinator.RanksRefused;
import dev.trireme.protocol.AgentToCoordinator.RegisterAgent;
import dev.trireme.protocol.AgentToRank;
import dev.trireme.protocol.CoordinatorToAgent;
import dev.trireme.protocol.CoordinatorToAgent.EndRanks;
import dev.trireme.protocol.CoordinatorToAgent.HarmRank;
import dev.trireme.protocol.CoordinatorToAgent.StartRanks;
import dev.trireme.protocol.CoordinatorToAgent.TellRanks;
import dev.trireme.protocol.HarmKind;
import dev.trireme.protocol.JobState;
import dev.trireme.protocol.RankReport;
import dev.trireme.protocol.Stamp;
import dev.trireme.protocol.StateSource;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JobControlTest {
  @TempDir Path directory;

  private final MemoryJobStore store = new MemoryJobStore();
  private final List<CoordinatorToAgent> told = new ArrayList<>();

  @Test
  void shouldGiveEachFormationAHigherGenerationThanAnyAgentKnows() {
    try (JobControl control = open()) {
      control.onRegistration(agent("a", 2, 0, 41));
      submit(control, "one");

      assertThat(told).hasSize(1);
      assertThat(told.get(0).stamp()).isEqualTo(new Stamp(1, 42));
    }
    try (JobControl control = open()) {
      told.clear();
      control.onRegistration(agent("b", 2, 1, 0));
      submit(control, "two");

      assertThat(told.get(0).stamp().generation()).isEqualTo(43);
    }
  }

  @Test
  void shouldBeginAboveTheGenerationsThatItsPlaceHoldsAlsoAfterATakeOver() {
    String job;
    try (JobControl control = open()) {
      job = control.submit(after(41));
      assertThat(status(control, job).generation()).isZero();
    }
    try (JobControl control = open()) {
      control.onRegistration(agent("a", 2, 0, 0));

      assertThat(told).singleElement().isInstanceOf(StartRanks.class);
      assertThat(told.get(0).stamp().generation()).isEqualTo(42);
      assertThat(status(control, job).generation()).isEqualTo(42);
    }
  }

  private JobSubmission after(long generations) {
    return new JobSubmission(
        Jobs.spec(2, 2), "name: small\n", directory.resolve("continued"), "", generations);
  }

  @Test
  void shouldRefuseAPlaceWhoseGenerationsArePastAllBounds() {
    try (JobControl control = open()) {
      // Near the bound, too: those of all jobs are counted on from there.
      for (long generation : new long[] {Stamp.MAX, Stamp.MAX - 2, Stamp.MAX >> 8}) {
        assertThatThrownBy(() -> control.submit(after(generation)))
            .isInstanceOf(CoordinatorException.class)
            .hasMessageContaining("checkpoint.path holds generation " + generation);
      }
    }
  }

  @Test
  void shouldRaiseItsTermAboveWhatAnAgentHasObeyed() {
    try (JobControl control = open()) {
      assertThat(control.onRegistration(agent("a", 2, 7, 0)).stamp().term()).isEqualTo(8);
      // The same agent again, now obeying term 8: nothing to raise.
      assertThat(control.onRegistration(agent("a", 2, 8, 0)).stamp().term()).isEqualTo(8);
      // Another that obeys an equal term of somebody else.
      assertThat(control.onRegistration(agent("b", 2, 8, 0)).stamp().term()).isEqualTo(9);
    }
  }

  @Test
  void shouldRefuseAnAgentThatClaimsATermPastAllBounds() {
    try (JobControl control = open()) {
      for (RegisterAgent hostile :
          List.of(agent("a", 2, Long.MAX_VALUE, 0), agent("a", 2, 0, Long.MAX_VALUE))) {
        assertThatThrownBy(() -> control.onRegistration(hostile))
            .isInstanceOf(CoordinatorException.class)
            .hasMessageContaining("more than there can have been");
      }
      assertThat(control.onRegistration(agent("a", 2, 0, 0)).stamp()).isEqualTo(new Stamp(1, 0));
    }
  }

  @Test
  void shouldCommandRunningJobsInTheRaisedTerm() {
    try (JobControl control = open()) {
      control.onRegistration(agent("a", 2, 0, 0));
      String job = submit(control, "one");
      control.onRegistration(agent("b", 1, 5, 0));
      told.clear();
      control.cancel(job, "enough", false);

      assertThat(told).allSatisfy(t -> assertThat(t.stamp()).isEqualTo(new Stamp(6, 1)));
      assertThat(store.job(job).term()).isEqualTo(6);
    }
  }

  @Test
  void shouldEndRanksOfAJobThatIsOver() {
    try (JobControl control = open()) {
      control.onRegistration(agent("a", 2, 0, 0));
      control.onMessage(new FromRank("a", "job-9", 3, 0, new RankReport.Hello(0, 1)));

      assertThat(told)
          .containsExactly(new EndRanks(new Stamp(1, 3), "job-9", 0, "the job is over"));
    }
  }

  @Test
  void shouldStartTheNextJobWhenSlotsBecomeFree() {
    try (JobControl control = open()) {
      control.onRegistration(agent("a", 2, 0, 0));
      String first = submit(control, "one");
      String second = submit(control, "two");
      assertThat(status(control, second).reason())
          .isEqualTo("needs 2 slots, 0 free; 2 held by " + first + " until it ends");
      for (int rank = 0; rank < 2; rank++) {
        RankExit exit = new RankExit(1, 1, false, "exit code 1", List.of());
        control.onMessage(new RankExited("a", first, 1, rank, exit));
      }

      assertThat(status(control, first).state()).isEqualTo(JobState.FAILED);
      assertThat(status(control, second).state()).isEqualTo(JobState.STARTING);
      assertThat(told.stream().filter(t -> t instanceof StartRanks)).hasSize(2);
    }
  }

  @Test
  void shouldNotAcceptAJobThatCannotBeKept() {
    try (JobControl control = open()) {
      store.full(true);
      assertThatThrownBy(() -> submit(control, "one"))
          .isInstanceOf(CoordinatorException.class)
          .hasMessage("the disk is full");
      assertThat(control.list()).isEmpty();
      store.full(false);

      assertThat(submit(control, "one")).isEqualTo("job-1");
    }
  }

  @Test
  void shouldStartAJobOnlyOnceThatCanBeKept() {
    try (JobControl control = open()) {
      String job = submit(control, "one");
      store.full(true);
      control.onRegistration(agent("a", 2, 0, 0));
      assertThat(status(control, job).state()).isEqualTo(JobState.QUEUED);
      assertThat(status(control, job).reason()).endsWith("the disk is full");
      assertThat(told).isEmpty();
      store.full(false);
      control.onTime();

      assertThat(status(control, job).state()).isEqualTo(JobState.STARTING);
    }
  }

  @Test
  void shouldLetAJobRunOnWhenItsStateCannotBeKept() {
    try (JobControl control = open()) {
      control.onRegistration(agent("a", 2, 0, 0));
      String job = submit(control, "one");
      store.full(true);
      run(control, job, 1);

      assertThat(status(control, job).state()).isEqualTo(JobState.RUNNING);
    }
  }

  @Test
  void shouldForgetTheOldestOfVeryManyEndedJobs() {
    for (int i = 1; i <= 1003; i++) {
      store.put(Jobs.record("job-" + i, 1, 1, JobState.SUCCEEDED));
    }
    try (JobControl control = open()) {
      assertThat(control.list())
          .hasSize(1000)
          .first()
          .extracting(JobStatus::jobId)
          .isEqualTo("job-4");
      assertThat(store.jobs()).hasSize(1000);
      assertThat(submit(control, "one")).isEqualTo("job-1004");
    }
  }

  @Test
  void shouldRefuseASpecThatIsTooLong() {
    try (JobControl control = open()) {
      assertThatThrownBy(
              () ->
                  control.submit(
                      new JobSubmission(
                          Jobs.spec(1, 1), "x".repeat(300_000), directory.resolve("run"))))
          .isInstanceOf(CoordinatorException.class)
          .hasMessage("a job spec has at most 262144 characters, found 300000");
    }
  }

  @Test
  void shouldFormElsewhereThanOnAHostThatLacksAFile() {
    try (JobControl control = open()) {
      control.onRegistration(agent("a", 2, 0, 0));
      String job = submit(control, "one");
      control.onRegistration(agent("b", 2, 0, 0));
      control.onMessage(new RanksRefused("a", job, 1, "lacks data.path /data"));

      assertThat(told.get(told.size() - 1))
          .isInstanceOfSatisfying(
              StartRanks.class, start -> assertThat(start.stamp()).isEqualTo(new Stamp(1, 2)));
      assertThat(control.cluster().agents())
          .extracting(agent -> agent.agentId() + " " + agent.free())
          .containsExactly("a 2", "b 0");
    }
  }

  @Test
  void shouldNameTheHostThatLacksAFileWhereThereIsNoOther() {
    try (JobControl control = open()) {
      control.onRegistration(agent("a", 2, 0, 0));
      control.onRegistration(agent("b", 1, 0, 0));
      String job = submit(control, "one");
      control.onMessage(new RanksRefused("a", job, 1, "lacks data.path /data"));

      assertThat(status(control, job).state()).isEqualTo(JobState.FAILED);
      assertThat(status(control, job).reason())
          .isEqualTo(
              "host host-a lacks data.path /data; every host that is to hold ranks needs it under"
                  + " the same name");
    }
  }

  @Test
  void shouldPreemptALessImportantJobAndLetItWaitAgain() {
    try (JobControl control = open()) {
      control.onRegistration(agent("a", 2, 0, 0));
      String low = submit(control, "one");
      run(control, low, 1);
      told.clear();
      String high = submit(control, "two", 5);

      assertThat(status(control, high).reason())
          .isEqualTo(
              "needs 2 slots, 0 free; asked to make room: " + low + " (saves and waits again)");
      assertThat(status(control, low).reason())
          .isEqualTo("preempted by " + high + " of priority 5: saves its state");
      Stamp stamp = new Stamp(1, 1);
      assertThat(told)
          .containsExactly(
              tell(low, stamp, new AgentToRank.CheckpointAfterStep(stamp)),
              tell(
                  low,
                  stamp,
                  new AgentToRank.StopAfterStep(stamp, "preempted by job-2 of priority 5")));
      told.clear();
      for (int rank = 0; rank < 2; rank++) {
        report(control, low, 1, rank, finished());
      }
      assertThat(told).containsExactly(tell(low, stamp, new AgentToRank.Release()));
      exit(control, low, 1, 0);
      exit(control, low, 1, 1);

      assertThat(status(control, high).state()).isEqualTo(JobState.STARTING);
      assertThat(status(control, low).state()).isEqualTo(JobState.QUEUED);
      assertThat(status(control, low).reason()).startsWith("needs 2 slots, 0 free");
      exit(control, high, 2, 0);
      exit(control, high, 2, 1);
      StartRanks again = (StartRanks) told.get(told.size() - 1);
      assertThat(again.jobId()).isEqualTo(low);
      assertThat(again.source()).isEqualTo(StateSource.CHECKPOINT);
    }
  }

  @Test
  void shouldLetAPreemptedJobWaitAgainThoughARankDiesMeanwhile() {
    try (JobControl control = open()) {
      control.onRegistration(agent("a", 2, 0, 0));
      String low = submit(control, "one");
      run(control, low, 1);
      String high = submit(control, "two", 5);
      exit(control, low, 1, 0);
      assertThat(status(control, high).state()).isEqualTo(JobState.QUEUED);
      exit(control, low, 1, 1);

      assertThat(status(control, low).state()).isEqualTo(JobState.QUEUED);
      assertThat(status(control, high).state()).isEqualTo(JobState.STARTING);
    }
  }

  @Test
  void shouldCancelAJobThatIsBeingPreempted() {
    try (JobControl control = open()) {
      control.onRegistration(agent("a", 2, 0, 0));
      String low = submit(control, "one");
      run(control, low, 1);
      submit(control, "two", 5);
      control.cancel(low, "enough", false);
      exit(control, low, 1, 0);
      exit(control, low, 1, 1);

      assertThat(status(control, low).state()).isEqualTo(JobState.CANCELLED);
    }
  }

  @Test
  void shouldPassOnWhatIsToBeDoneToAJobAndTellWhatCameOfIt() {
    HarmOrder order = new HarmOrder(HarmKind.FREEZE, 1, Duration.ofSeconds(3), false);
    try (JobControl control = open()) {
      control.onRegistration(agent("a", 2, 0, 0));
      String job = submit(control, "one");
      assertThatThrownBy(() -> control.harm(job, order)).hasMessageContaining("not RUNNING");
      run(control, job, 1);
      assertThatThrownBy(
              () -> control.harm(job, new HarmOrder(HarmKind.KILL, 2, order.lasting(), false)))
          .hasMessageContaining("has no rank 2");
      told.clear();
      CompletableFuture<Harmed> done = control.harm(job, order);
      CompletableFuture<Harmed> refused = control.harm(job, order);

      assertThat(told)
          .containsExactly(
              new HarmRank(new Stamp(1, 1), job, 1_000_001, HarmKind.FREEZE, 1, 3000, false),
              new HarmRank(new Stamp(1, 1), job, 1_000_002, HarmKind.FREEZE, 1, 3000, false));
      control.onMessage(new HarmAnswered("a", job, 1_000_002, 101, "", "not here"));
      control.onMessage(new HarmAnswered("a", job, 1_000_001, 101, "stopped", ""));
      control.onMessage(new HarmAnswered("a", job, 1_000_001, 101, "said twice", ""));
      assertThat(done).isCompletedWithValueMatching(h -> h.pid() == 101 && h.generation() == 1);
      assertThat(refused).isCompletedExceptionally();
      assertThat(directory.resolve("one/events.jsonl"))
          .content()
          .containsOnlyOnce("\"type\":\"chaos\"")
          .contains("\"how\":\"stopped\"", "\"lastingSeconds\":3.0");
    }
  }

  private static void run(JobControl control, String jobId, long generation) {
    for (int rank = 0; rank < 2; rank++) {
      control.onMessage(new RankStarted("a", jobId, generation, rank, 100 + rank));
      report(
          control,
          jobId,
          generation,
          rank,
          new RankReport.Ready(Progress.START, "", 20, 10, 2, 1000));
    }
    assertThat(status(control, jobId).state()).isEqualTo(JobState.RUNNING);
  }

  private static RankReport finished() {
    return new RankReport.Finished(
        new Progress(5, new Cursor(0, 500)), 0, true, Map.of(), "aa", Double.NaN);
  }

  private static void report(
      JobControl control, String jobId, long generation, int rank, RankReport report) {
    control.onMessage(new FromRank("a", jobId, generation, rank, report));
  }

  private static void exit(JobControl control, String jobId, long generation, int rank) {
    RankExit exit = new RankExit(100 + rank, 0, true, "exit code 0", List.of());
    control.onMessage(new RankExited("a", jobId, generation, rank, exit));
  }

  private static TellRanks tell(String jobId, Stamp stamp, AgentToRank command) {
    return new TellRanks(stamp, jobId, List.of(), command);
  }

  private JobControl open() {
    return new JobControl(
        "test",
        store,
        Timing.DEFAULT,
        new FakeTime(),
        () -> 99,
        (agentId, command) -> told.add(command));
  }

  private static RegisterAgent agent(String id, int slots, long term, long generation) {
    return new RegisterAgent(id, "host-" + id, slots, 2, term, generation);
  }

  private String submit(JobControl control, String run) {
    return control.submit(
        new JobSubmission(Jobs.spec(2, 2), "name: small\n", directory.resolve(run)));
  }

  private String submit(JobControl control, String run, int priority) {
    return control.submit(
        new JobSubmission(
            Jobs.withPriority(Jobs.spec(2, 2), priority), "name: small\n", directory.resolve(run)));
  }

  private static JobStatus status(JobControl control, String jobId) {
    return control.list().stream().filter(s -> s.jobId().equals(jobId)).findFirst().orElseThrow();
  }
}
