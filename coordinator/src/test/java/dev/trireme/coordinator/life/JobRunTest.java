package dev.trireme.coordinator.life;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.api.data.Cursor;
import dev.trireme.api.job.JobSpec;
import dev.trireme.api.train.Progress;
import dev.trireme.coordinator.CoordinatorConfig.Timing;
import dev.trireme.coordinator.JobEvent;
import dev.trireme.coordinator.JobResult;
import dev.trireme.coordinator.Jobs;
import dev.trireme.coordinator.Verdict;
import dev.trireme.coordinator.schedule.SchedulingDecision.Form;
import dev.trireme.coordinator.schedule.SchedulingDecision.Placement;
import dev.trireme.protocol.AgentToCoordinator.FromRank;
import dev.trireme.protocol.AgentToCoordinator.RankExit;
import dev.trireme.protocol.AgentToRank;
import dev.trireme.protocol.CoordinatorToAgent;
import dev.trireme.protocol.CoordinatorToAgent.EndRanks;
import dev.trireme.protocol.CoordinatorToAgent.StartRanks;
import dev.trireme.protocol.CoordinatorToAgent.TellRanks;
import dev.trireme.protocol.JobState;
import dev.trireme.protocol.RankReport;
import dev.trireme.protocol.Stamp;
import dev.trireme.protocol.Stored.GenerationRecord;
import dev.trireme.protocol.Stored.JobRecord;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class JobRunTest {
  private static final long GENERATION = 4;
  private static final Stamp STAMP = new Stamp(3, GENERATION);
  private static final Timing TIMING = Timing.DEFAULT;

  private final FakeTime time = new FakeTime();
  private final List<CoordinatorToAgent> told = new ArrayList<>();
  private final List<JobRecord> stored = new ArrayList<>();
  private final List<JobEvent> events = new ArrayList<>();
  private Optional<String> unrecorded = Optional.empty();
  private final JobRun run =
      new JobRun(Jobs.record("job-1", 3, 1, JobState.QUEUED), TIMING, time, new Recorder());

  private final class Recorder implements JobEffects {
    @Override
    public long term() {
      return STAMP.term();
    }

    @Override
    public void tell(String agentId, CoordinatorToAgent command) {
      assertThat(agentId).isEqualTo("agent-a");
      told.add(command);
    }

    @Override
    public void store(JobRecord record) {
      stored.add(record);
    }

    @Override
    public void publish(JobEvent event) {
      events.add(event);
    }

    @Override
    public Optional<String> unrecorded() {
      return unrecorded;
    }
  }

  @Test
  void shouldTrainToTheEnd() {
    form();
    assertThat(told)
        .containsExactly(
            new StartRanks(
                STAMP,
                "job-1",
                run.record().job(),
                "name: small\n",
                "/nowhere/job-1",
                2,
                List.of(0, 1),
                99));
    started();
    assertThat(last(JobEvent.Formed.class).ranks())
        .extracting(JobEvent.RankProcess::pid)
        .containsExactly(100L, 101L);
    ready(0);
    assertThat(run.state()).isEqualTo(JobState.STARTING);
    ready(1);
    assertThat(run.state()).isEqualTo(JobState.RUNNING);
    assertThat(stored.get(stored.size() - 1).generations())
        .containsExactly(new GenerationRecord(GENERATION, 2, Optional.of(1L)));

    committed(1);
    assertThat(last(JobEvent.Progress.class).secondsLeft()).isEqualTo(19 * 100 / 50.0);
    told.clear();
    finish(0, "aa");
    assertThat(told).isEmpty();
    finish(1, "aa");
    assertThat(told).containsExactly(tell(new AgentToRank.Release()));
    assertThat(run.state()).isEqualTo(JobState.STOPPING);
    exit(0, 0, true);
    exit(1, 0, true);

    JobResult result = result();
    assertThat(result.state()).isEqualTo(JobState.SUCCEEDED);
    assertThat(result.steps()).isEqualTo(20);
    assertThat(result.epochs()).isEqualTo(2);
    assertThat(result.worldSize()).isEqualTo(2);
    assertThat(result.generations()).isEqualTo(1);
    assertThat(result.stateHash()).isEqualTo("aa");
    assertThat(result.metrics()).containsEntry("loss", 0.5);
    assertThat(stored.get(stored.size() - 1).state()).isEqualTo(JobState.SUCCEEDED);
    assertThat(run.nextDeadline()).isEmpty();
    assertThat(run.slotsHeldOn("agent-a")).isZero();
  }

  @Test
  void shouldStoreEveryStateBeforeItIsTold() {
    form();
    List<JobState> states = new ArrayList<>();
    for (JobRecord record : stored) {
      states.add(record.state());
    }
    assertThat(states).containsExactly(JobState.STARTING);
    assertThat(stored).extracting(JobRecord::version).isSorted().doesNotHaveDuplicates();
    assertThat(stored.get(0).generations()).hasSize(1);
  }

  @Test
  void shouldNameTheRankThatWasKilledThoughASurvivorComplainsFirst() {
    running();
    committed(7);
    told.clear();
    report(0, new RankReport.Failed(8, "rank 1 was waited for", 1, false));
    assertThat(told).isEmpty();
    assertThat(run.state()).isEqualTo(JobState.RUNNING);

    exit(1, 137, false);

    Verdict verdict = last(JobEvent.Failure.class).verdict();
    assertThat(verdict.rank()).isEqualTo(1);
    assertThat(verdict.sentence())
        .isEqualTo(
            "rank 1 on host host-a (pid 101): exit code 137;"
                + " generation 4, last committed step 7");
    assertThat(verdict.lastLines()).containsExactly("last words");
    assertThat(told)
        .containsExactly(
            tell(new AgentToRank.AbortGeneration(STAMP, verdict.sentence())),
            new EndRanks(STAMP, "job-1", 1000, verdict.sentence()));
    assertThat(run.state()).isEqualTo(JobState.STOPPING);

    exit(0, 1, true);
    assertThat(result().state()).isEqualTo(JobState.FAILED);
    assertThat(result().reason()).isEqualTo(verdict.sentence());
    assertThat(result().usage()).isFalse();
    assertThat(result().stateHash()).isEmpty();
  }

  @Test
  void shouldBlameTheAccusedWhenNothingMoreIsHeardOfIt() {
    running();
    report(0, new RankReport.Failed(8, "rank 1 was waited for 60 s", 1, false));

    passDeadline();

    assertThat(last(JobEvent.Failure.class).verdict().cause())
        .isEqualTo("says rank 0: rank 1 was waited for 60 s");
    assertThat(last(JobEvent.Failure.class).verdict().rank()).isEqualTo(1);
  }

  @Test
  void shouldCallAFaultOfTheDataAUsageError() {
    form();
    started();
    report(1, new RankReport.Failed(0, "labels.gz: truncated at byte 10", -1, true));
    exit(0, 0, true);
    exit(1, 0, true);

    assertThat(result().state()).isEqualTo(JobState.FAILED);
    assertThat(result().usage()).isTrue();
    assertThat(result().reason()).isEqualTo("labels.gz: truncated at byte 10");
  }

  @Test
  void shouldNameTheHostThatWasLost() {
    running();
    run.onAgentLost("agent-a", "host-a");

    assertThat(result().reason())
        .isEqualTo("host host-a: its agent was lost; generation 4, last committed step 0");
    assertThat(run.slotsHeldOn("agent-a")).isZero();
  }

  @Test
  void shouldFailWhenRanksEndWithDifferentStates() {
    running();
    finish(0, "aa");
    finish(1, "bb");
    exit(0, 0, true);
    exit(1, 0, true);

    assertThat(result().state()).isEqualTo(JobState.FAILED);
    assertThat(result().reason())
        .contains("ranks [0] ended with aa, ranks [1] ended with bb; odd are ranks [1]");
  }

  @Test
  void shouldFailWhenARankNeverFinishes() {
    running();
    finish(0, "aa");
    passDeadline();

    assertThat(last(JobEvent.Failure.class).verdict().sentence())
        .contains("rank 1")
        .contains("ranks [1] were not finished within 360 s");
  }

  @Test
  void shouldWaitForALastCheckpointAsLongAsOneMayTake() {
    running();
    run.onReport(new FromRank("agent-a", "job-1", GENERATION, 1, new RankReport.ShardWritten(20)));
    finish(1, "aa");
    passDeadline();

    assertThat(last(JobEvent.Failure.class).verdict().sentence())
        .contains("ranks [0] were not finished within 2160 s");
  }

  @Test
  void shouldFindARankThatHangsOnceTheLastCheckpointIsThere() {
    running();
    run.onReport(new FromRank("agent-a", "job-1", GENERATION, 1, new RankReport.ShardWritten(20)));
    finish(1, "aa");
    saved(0, 20, "");
    passDeadline();

    assertThat(last(JobEvent.Failure.class).verdict().sentence())
        .contains("ranks [0] were not finished within 360 s");
  }

  @Test
  void shouldFailWhenARankIsNeverReady() {
    form();
    started();
    ready(0);
    passDeadline();

    assertThat(last(JobEvent.Failure.class).verdict().cause())
        .isEqualTo("ranks [1] were not ready within 600 s");
  }

  @Test
  void shouldEndAfterTheStepWhenCancelled() {
    running();
    committed(5);
    told.clear();
    run.cancel("the user wants it");
    assertThat(told)
        .containsExactly(tell(new AgentToRank.StopAfterStep(STAMP, "the user wants it")));
    assertThat(run.state()).isEqualTo(JobState.STOPPING);

    finished(0, 6, true, "aa");
    finished(1, 6, true, "aa");
    exit(0, 0, true);
    exit(1, 0, true);

    assertThat(result().state()).isEqualTo(JobState.CANCELLED);
    assertThat(result().steps()).isEqualTo(6);
    assertThat(result().stateHash()).isEqualTo("aa");
    assertThat(result().reason()).isEqualTo("the user wants it; stopped after step 6");
  }

  @Test
  void shouldSaveBeforeItStopsWhereThatIsAsked() {
    running();
    told.clear();
    run.cancel("the machine goes", true);
    assertThat(told)
        .containsExactly(
            tell(new AgentToRank.CheckpointAfterStep(STAMP)),
            tell(new AgentToRank.StopAfterStep(STAMP, "the machine goes")));
    told.clear();
    time.pass(TIMING.cancelGrace().multipliedBy(2));
    run.onTime();
    assertThat(told).isEmpty();
  }

  @Test
  void shouldKeepTheSizesOfBucketsThatTheRanksHaveTunedOnce() {
    JobSpec job = Jobs.spec(2, 2);
    JobRun tuning =
        new JobRun(
            Jobs.record("job-1", 3, 1, JobState.QUEUED, Jobs.withBucketSize(job, 0)),
            TIMING,
            time,
            new Recorder());
    form(tuning);
    tuning.onReport(tuned(0, 65_536, "name: tuned\n"));
    tuning.onReport(tuned(1, 1024, "name: another\n"));
    assertThat(tuning.record().job()).isEqualTo(Jobs.withBucketSize(job, 65_536));
    assertThat(tuning.record().resolvedSpec()).isEqualTo("name: tuned\n");
    assertThat(stored).last().isEqualTo(tuning.record());
    assertThat(events).filteredOn(e -> e instanceof JobEvent.BucketsTuned).hasSize(1);

    running();
    run.onReport(tuned(0, 65_536, "name: tuned\n"));
    assertThat(run.record().job()).as("it left nothing to the ranks").isEqualTo(job);
  }

  private static FromRank tuned(int rank, long bytes, String yaml) {
    return new FromRank(
        "agent-a", "job-1", GENERATION, rank, new RankReport.BucketsTuned(1 << 20, bytes, yaml));
  }

  private void saved(int rank, long step, String failure) {
    run.onReport(
        new FromRank(
            "agent-a",
            "job-1",
            GENERATION,
            rank,
            new RankReport.CheckpointFinished(step, "p", 0, 0, 0, failure)));
  }

  @Test
  void shouldFailAfterTooManyFailedSavesInARow() {
    running();
    saved(0, 10, "full");
    saved(1, 10, "full");
    saved(0, 20, "full");
    saved(0, 30, "");
    saved(0, 40, "full");
    saved(0, 50, "full");
    assertThat(run.state()).isEqualTo(JobState.RUNNING);

    saved(0, 60, "full");
    exit(0, 0, true);
    exit(1, 0, true);
    assertThat(result().state()).isEqualTo(JobState.FAILED);
    assertThat(result().reason())
        .contains("3 saves in a row have failed, which is checkpoint.maxFailures")
        .contains("of step 60: full");
  }

  @Test
  void shouldRefuseTheGrantWhenAnotherRanksPartFails() {
    running();
    told.clear();
    saved(1, 10, "full");
    assertThat(last(JobEvent.CheckpointFinished.class).checkpoint().failure()).isEqualTo("full");
    assertThat(told)
        .containsExactly(
            new TellRanks(
                STAMP,
                "job-1",
                List.of(0),
                new AgentToRank.CheckpointGrant(STAMP, 10, false, "rank 1 failed: full")));
  }

  @Test
  void shouldEndByForceWhenACancelledJobDoesNotStop() {
    running();
    run.cancel("the user wants it");
    told.clear();
    time.pass(TIMING.cancelGrace().minusMillis(1));
    run.onTime();
    assertThat(told).isEmpty();

    passDeadline();
    assertThat(told).containsExactly(new EndRanks(STAMP, "job-1", 1000, "the user wants it"));
    passDeadline();

    assertThat(result().state()).isEqualTo(JobState.CANCELLED);
    assertThat(result().reason())
        .isEqualTo("the user wants it; these ranks may still be there: [0, 1]");
  }

  @Test
  void shouldKillAtOnceWhenCancelledTwice() {
    running();
    run.cancel("once");
    told.clear();
    run.cancel("twice");

    assertThat(told).containsExactly(new EndRanks(STAMP, "job-1", 0, "twice"));
    exit(0, 137, true);
    exit(1, 137, true);
    assertThat(result().state()).isEqualTo(JobState.CANCELLED);
  }

  @Test
  void shouldNotWaitForAStepOfRanksThatStillLoad() {
    form();
    started();
    run.cancel("at once");

    assertThat(run.nextDeadline()).contains(Duration.ZERO);
    run.onTime();
    assertThat(told).endsWith(new EndRanks(STAMP, "job-1", 1000, "at once"));
  }

  @Test
  void shouldStayCancelledWhenARankDiesWhileItStops() {
    running();
    run.cancel("the user wants it");
    exit(1, 139, false);
    exit(0, 1, true);

    assertThat(result().state()).isEqualTo(JobState.CANCELLED);
    assertThat(result().reason())
        .startsWith("the user wants it (while it stopped: rank 1 on host host-a");
  }

  @Test
  void shouldCancelAJobThatWaitsAtOnce() {
    run.cancel("changed my mind");

    assertThat(result().state()).isEqualTo(JobState.CANCELLED);
    assertThat(result().worldSize()).isZero();
    assertThat(told).isEmpty();
  }

  @Test
  void shouldSucceedWhenItFinishedBeforeTheCancelReachedIt() {
    running();
    run.cancel("too late");
    finish(0, "aa");
    finish(1, "aa");
    exit(0, 0, true);
    exit(1, 0, true);

    assertThat(result().state()).isEqualTo(JobState.SUCCEEDED);
    assertThat(result().reason()).endsWith("before it could be cancelled");
  }

  @Test
  void shouldGrantACheckpointOnceAllShardsAreWritten() {
    running();
    told.clear();
    report(1, new RankReport.ShardWritten(200));
    report(1, new RankReport.ShardWritten(200));
    assertThat(told).isEmpty();

    report(0, new RankReport.ShardWritten(200));
    report(0, new RankReport.ShardWritten(200));

    assertThat(told)
        .containsExactly(tell(List.of(0), new AgentToRank.CheckpointGrant(STAMP, 200, true, "")));
  }

  @Test
  void shouldRefuseACheckpointWhoseStepsAreNotOnDisk() {
    running();
    told.clear();
    unrecorded = Optional.of("cannot write samples.jsonl: full");
    report(1, new RankReport.ShardWritten(200));
    report(0, new RankReport.ShardWritten(200));
    unrecorded = Optional.empty();
    report(1, new RankReport.ShardWritten(300));
    report(0, new RankReport.ShardWritten(300));

    assertThat(told)
        .containsExactly(
            tell(
                List.of(0),
                new AgentToRank.CheckpointGrant(
                    STAMP, 200, false, "cannot write samples.jsonl: full")),
            tell(List.of(0), new AgentToRank.CheckpointGrant(STAMP, 300, true, "")));
  }

  @Test
  void shouldRefuseACheckpointOfAnOlderGeneration() {
    running();
    told.clear();
    run.onReport(
        new FromRank("agent-a", "job-1", GENERATION - 1, 0, new RankReport.ShardWritten(200)));

    assertThat(told)
        .containsExactly(
            tell(
                List.of(0),
                new AgentToRank.CheckpointGrant(STAMP, 200, false, "generation 3 is over")));
  }

  @Test
  void shouldIgnoreWhatAnOlderGenerationSays() {
    running();
    run.onExited(GENERATION - 1, 1, rankExit(1, 137, false));
    run.onReport(
        new FromRank(
            "agent-a", "job-1", GENERATION - 1, 0, new RankReport.Failed(1, "x", 0, false)));

    assertThat(run.state()).isEqualTo(JobState.RUNNING);
  }

  @Test
  void shouldKillWhatHasBeenReleasedAndDoesNotGo() {
    running();
    finish(0, "aa");
    finish(1, "aa");
    exit(0, 0, true);
    told.clear();

    passDeadline();
    assertThat(told).containsExactly(new EndRanks(STAMP, "job-1", 0, "has not ended by itself"));
    exit(1, 137, true);

    assertThat(result().state()).isEqualTo(JobState.SUCCEEDED);
  }

  @Test
  void shouldTellAReasonToWaitOnlyWhenItChanges() {
    run.waitBecause("needs 4 slots, 3 free");
    run.waitBecause("needs 4 slots, 3 free");
    run.waitBecause("needs 4 slots, 2 free");

    assertThat(events)
        .extracting(e -> ((JobEvent.StateChanged) e).reason())
        .containsExactly("needs 4 slots, 3 free", "needs 4 slots, 2 free");
  }

  private void form() {
    form(run);
  }

  private static void form(JobRun run) {
    run.form(
        new Form("job-1", List.of(new Placement("agent-a", List.of(0, 1))), "2 slots"),
        Map.of("agent-a", "host-a"),
        GENERATION,
        99);
  }

  private void started() {
    run.onStarted(GENERATION, 0, 100);
    run.onStarted(GENERATION, 1, 101);
  }

  private void running() {
    form();
    started();
    ready(0);
    ready(1);
  }

  private void ready(int rank) {
    report(rank, new RankReport.Ready(Progress.START, "", 20, 10, 2, 1000));
  }

  private void committed(long step) {
    report(0, new RankReport.Committed(step, Cursor.START, 100, 2.0, 0.1, 50, 0, 0, 0));
  }

  private void finish(int rank, String hash) {
    finished(rank, 20, false, hash);
  }

  private void finished(int rank, long step, boolean stopped, String hash) {
    report(
        rank,
        new RankReport.Finished(
            new Progress(step, new Cursor(2, 0)), 2, stopped, Map.of("loss", 0.5), hash, 50));
  }

  private void report(int rank, RankReport report) {
    run.onReport(new FromRank("agent-a", "job-1", GENERATION, rank, report));
  }

  private void exit(int rank, int code, boolean expected) {
    run.onExited(GENERATION, rank, rankExit(rank, code, expected));
  }

  private static RankExit rankExit(int rank, int code, boolean expected) {
    return new RankExit(100 + rank, code, expected, "exit code " + code, List.of("last words"));
  }

  private void passDeadline() {
    time.pass(run.nextDeadline().orElseThrow());
    run.onTime();
  }

  private JobResult result() {
    assertThat(events.get(events.size() - 1)).isInstanceOf(JobEvent.Ended.class);
    return last(JobEvent.Ended.class).result();
  }

  private <T extends JobEvent> T last(Class<T> type) {
    return events.stream()
        .filter(type::isInstance)
        .map(type::cast)
        .reduce((a, b) -> b)
        .orElseThrow(() -> new AssertionError("no " + type.getSimpleName() + " in " + events));
  }

  private static TellRanks tell(AgentToRank command) {
    return tell(List.of(), command);
  }

  private static TellRanks tell(List<Integer> ranks, AgentToRank command) {
    return new TellRanks(STAMP, "job-1", ranks, command);
  }
}
