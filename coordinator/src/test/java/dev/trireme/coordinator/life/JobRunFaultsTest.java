package dev.trireme.coordinator.life;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.api.data.Cursor;
import dev.trireme.api.job.FailurePolicySpec;
import dev.trireme.api.train.Progress;
import dev.trireme.coordinator.CoordinatorConfig.Timing;
import dev.trireme.coordinator.JobEvent;
import dev.trireme.coordinator.Jobs;
import dev.trireme.coordinator.Verdict;
import dev.trireme.coordinator.schedule.Reformation;
import dev.trireme.coordinator.schedule.Scheduler.AgentSlots;
import dev.trireme.coordinator.schedule.SchedulingDecision.Form;
import dev.trireme.coordinator.schedule.SchedulingDecision.Placement;
import dev.trireme.protocol.AgentToCoordinator.RankExit;
import dev.trireme.protocol.AgentToCoordinator.RankThere;
import dev.trireme.protocol.CoordinatorToAgent.EndRanks;
import dev.trireme.protocol.JobState;
import dev.trireme.protocol.RankReport;
import dev.trireme.protocol.StateSource;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Which faults of a rank count against its job, and how. */
class JobRunFaultsTest extends RecoveringJob {
  private static final RankReport PARKED = new RankReport.Parked(7, true, "over", -1);
  private static final RankReport NO_DATA =
      new RankReport.Failed(1, "/data/labels.gz: cannot be read", -1, true);

  @Test
  void shouldFormAnewWhenAReplacementCannotStart() {
    running(2, 2, 2);
    committed(1);
    exit(1);
    park(0, 7, -1);
    apply(decide(1));

    report(1, NO_DATA);

    assertThat(run.state()).isEqualTo(JobState.RECOVERING);
    assertThat(last(JobEvent.Failure.class).verdict().rank()).isEqualTo(1);
    assertThat(last(JobEvent.Failure.class).verdict().usage()).isFalse();
    park(0, 7, -1);
    apply(decide(1));
    start(2, 7);
  }

  @Test
  void shouldGoOnRecoveringWhenAReplacementCannotStartMeanwhile() {
    running(3, 3, 3);
    committed(1);
    exit(1);
    park(0, 7, -1);
    park(2, 7, -1);
    apply(decide(1));
    exit(2);

    report(1, NO_DATA);

    assertThat(run.state()).isEqualTo(JobState.RECOVERING);
    park(0, 7, -1);
    assertThat(run.wantsFormation()).isTrue();
  }

  @Test
  void shouldGiveUpAJobThatNeverRanForItsData() {
    ordered(Jobs.spec(2, 2, POLICY), 2);
    report(1, NO_DATA);
    assertThat(last(JobEvent.Failure.class).verdict().usage()).isTrue();
    assertThat(run.state()).isEqualTo(JobState.STOPPING);
  }

  @Test
  void shouldKeepWhichStepAGenerationHasSaved() {
    running(2, 2, 2);
    long first = Records.newest(run.record()).orElseThrow().generation();
    report(0, new RankReport.CheckpointFinished(10, "p", 0, 0, 0, ""));
    saveFails(0, 20);
    exit(1);
    park(0, 20, -1);
    apply(decide(1));
    start(2, 20);
    saveFails(0, 30);
    assertThat(stored).as("it is kept").isEqualTo(run.record());
    assertThat(run.record().generations())
        .filteredOn(g -> g.savedStep().isPresent())
        .singleElement()
        .satisfies(
            g -> {
              assertThat(g.generation()).isEqualTo(first);
              assertThat(g.savedStep()).contains(10L);
              assertThat(g.firstStep()).isPresent();
            });
  }

  @Test
  void shouldKeepThatThereIsACheckpointWhereAGenerationHasBegunWithOne() {
    running(1, 1, 1);
    report(0, new RankReport.CheckpointFinished(20, "p", 0, 0, 0, ""));
    assertThat(stored).as("it is kept at once").isEqualTo(run.record());
    committed(21);
    exit(0);
    apply(decide(1));
    run.onStarted(generation, 0, 1);
    String place = run.record().runDirectory() + "/checkpoints";
    Progress progress = new Progress(10, new Cursor(0, 10));
    report(0, new RankReport.Ready(progress, place + "/step-00000010", 50, 10, 5, 1));
    assertThat(Records.newest(stored).orElseThrow().savedStep()).contains(10L);
    report(0, new RankReport.CheckpointFinished(15, "p", 0, 0, 0, ""));
    report(0, new RankReport.Ready(progress, place + "/step-00000010", 50, 10, 5, 1));
    assertThat(Records.newest(stored).orElseThrow().savedStep()).contains(15L);

    committed(11);
    exit(0);
    apply(decide(1));
    run.onStarted(generation, 0, 2);
    for (String other : List.of("-of-another/step-00000010", "/old/step-00000010", "/best")) {
      report(0, new RankReport.Ready(progress, place + other, 50, 10, 5, 1));
      assertThat(Records.newest(stored).orElseThrow().savedStep()).isEmpty();
    }
  }

  @Test
  void shouldSayThatAJobWithoutACheckpointHasBegunAnew() {
    running(1, 1, 1);
    committed(21);
    exit(0);
    apply(decide(1));
    start(1, 0);
    committed(1);
    assertThat(last(JobEvent.Recovered.class).source()).isEqualTo(StateSource.JOB);
  }

  private void saveFails(int rank, long step) {
    report(rank, new RankReport.CheckpointFinished(step, "p", 0, 0, 0, "generation is over"));
  }

  @Test
  void shouldNotCountSavesThatAnAbortCutShort() {
    running(2, 2, 2);
    for (long step = 10; step <= 50; step += 10) {
      committed(step);
      exit(1);
      saveFails(0, step);
      park(0, step, -1);
      apply(decide(1));
      start(2, step);
    }
    assertThat(run.state()).isEqualTo(JobState.RUNNING);
    assertThat(events).as("they are told").anyMatch(e -> e instanceof JobEvent.CheckpointFinished);
  }

  @Test
  void shouldNotCountSavesThatEndWhileItIsSoughtWhoBrokeTheFormation() {
    running(3, 3, 3);
    park(0, 7, 1);
    assertThat(run.state()).as("the accused may yet be heard of").isEqualTo(JobState.RUNNING);
    saveFails(0, 10);
    saveFails(2, 20);
    saveFails(0, 30);
    assertThat(run.state()).isEqualTo(JobState.RUNNING);
  }

  @Test
  void shouldCountSavesThatFailAfterARecovery() {
    running(2, 2, 2);
    committed(1);
    exit(1);
    saveFails(0, 10);
    park(0, 7, -1);
    apply(decide(1));
    start(2, 7);
    saveFails(0, 10);
    saveFails(0, 20);
    assertThat(run.state()).isEqualTo(JobState.RUNNING);
    saveFails(0, 30);
    assertThat(run.state()).isEqualTo(JobState.STOPPING);
  }

  /** One of two ranks has died, and its host has not what a replacement needs. */
  private void refused() {
    running(2, 2, 2);
    committed(1);
    exit(1);
    park(0, 7, -1);
    apply(decide(1));
    told.clear();
    run.onHostRefused("a", "host-a", generation, "lacks data.path /data");
  }

  @Test
  void shouldGoOnWithASurvivorWhoseHostCanStartNoOther() {
    refused();
    assertThat(run.state()).isEqualTo(JobState.RECOVERING);
    assertThat(told(EndRanks.class)).isEmpty();
    List<AgentSlots> agents =
        List.of(new AgentSlots("a", "host-a", 1, 1), new AgentSlots("b", "host-b", 1, 1));
    assertThat(run.hopeless(agents)).isEmpty();

    Form form = (Form) Reformation.decide(run.situation(agents));

    assertThat(form.source()).isEqualTo(StateSource.rank(0));
    assertThat(form.survivors()).containsOnly(Map.entry(0, 400L));
    assertThat(form.placements())
        .containsExactly(new Placement("a", List.of(0)), new Placement("b", List.of(1)));
  }

  @Test
  void shouldKnowOfTheDeathOfASurvivorThatWaitsOnAHostThatRefused() {
    refused();
    run.onExited(generation - 1, 0, new RankExit(400, 137, false, "killed", List.of()));
    assertThat(run.slotsHeldOn("a")).isZero();
    assertThat(run.situation(List.of()).survivors()).isEmpty();
  }

  /** The next coordinator hears again of the survivor, and of the refusal. */
  private void refusedBeforeThisCoordinator(RankReport lastWord) {
    refused();
    run = new JobRun(stored, Timing.DEFAULT, time, new Recorder());
    run.takeOver("another coordinator is here", 0);
    told.clear();
    generation--;
    run.onStarted(generation, 0, 400);
    report(0, lastWord);
    generation++;
    run.onHostRefused("a", "host-a", generation, "lacks data.path /data");
  }

  @Test
  void shouldKnowUnderTheNextCoordinatorOfASurvivorWhoseHostCanStartNoOther() {
    refusedBeforeThisCoordinator(PARKED);
    RankThere survivor = new RankThere("job-1", generation - 1, 0);
    assertThat(run.numberOf("a", survivor)).contains(0);
    assertThat(run.numberOf("b", survivor)).isEmpty();
    assertThat(run.onInventory("a", Set.of(0))).as("it is to stay").isTrue();
    assertThat(told(EndRanks.class)).isEmpty();
    List<AgentSlots> agents =
        List.of(new AgentSlots("a", "host-a", 1, 1), new AgentSlots("b", "host-b", 1, 1));
    assertThat(run.wantsFormation()).isTrue();
    Form form = (Form) Reformation.decide(run.situation(agents));
    assertThat(form.source()).isEqualTo(StateSource.rank(0));
    assertThat(form.survivors()).containsOnly(Map.entry(0, 400L));
  }

  @Test
  void shouldKnowUnderTheNextCoordinatorOfASurvivorThatHadStoppedForAChange() {
    Progress end = new Progress(50, new Cursor(5, 0));
    refusedBeforeThisCoordinator(new RankReport.Finished(end, 5, true, Map.of(), "h", 1));
    run.onInventory("a", Set.of(0));
    assertThat(run.situation(List.of()).survivors())
        .containsExactly(new Reformation.Survivor(0, "a", 400, 50, true));
  }

  @Test
  void shouldSeeUnderTheNextCoordinatorThatSuchASurvivorHasDiedMeanwhile() {
    refusedBeforeThisCoordinator(PARKED);
    assertThat(run.onInventory("a", Set.of())).isFalse();
    assertThat(run.situation(List.of()).survivors()).isEmpty();
    assertThat(run.wantsFormation()).isTrue();
  }

  @Test
  void shouldNotFailForWantOfHostsThatMayYetComeToTheNextCoordinator() {
    refusedBeforeThisCoordinator(PARKED);
    run.onInventory("a", Set.of(0));
    List<AgentSlots> agents = List.of(new AgentSlots("a", "host-a", 1, 1));
    assertThat(run.hopeless(agents)).isEmpty();
    passDeadline();
    assertThat(run.hopeless(agents).orElseThrow()).contains("host-a lacks data.path /data");
  }

  /** Processes of two hosts may well have the same number. */
  @Test
  void shouldNotTakeTheEndOfAnOldProcessElsewhereForThatOfASurvivor() {
    running(2, 2, 2);
    committed(1);
    exit(1);
    park(0, 7, -1);
    apply(decide(1));
    run.onStarted(generation, 0, 400);
    run.onExited(generation - 1, 1, new RankExit(400, 0, true, "ended", List.of()));
    assertThat(run.slotsHeldOn("a")).isEqualTo(2);
    assertThat(run.state()).isNotEqualTo(JobState.RECOVERING);
  }

  private void finish(int rank) {
    Progress end = new Progress(50, new Cursor(5, 0));
    report(rank, new RankReport.Finished(end, 5, false, Map.of(), "h", 1));
  }

  @Test
  void shouldWaitForTheLastCheckpointForAsLongAsARankDoes() {
    running(2, 2, 2);
    finish(1);
    time.pass(Duration.ofMinutes(5).plusSeconds(10));
    run.onTime();
    assertThat(run.state()).as("rank 0 waits for the slowest shard").isEqualTo(JobState.RUNNING);
    finish(0);
    assertThat(run.record().ending()).contains(JobState.SUCCEEDED);
  }

  @Test
  void shouldBlameTheRankThatHangsThoughNobodyAccusesIt() {
    running(3, 3, 3);
    park(2, 7, -1);
    park(0, 7, -1);
    told.clear();
    passDeadline();

    Verdict verdict = last(JobEvent.Failure.class).verdict();
    assertThat(verdict.rank()).isEqualTo(1);
    assertThat(verdict.cause()).contains("says rank 2").contains("rank 1 has said nothing");
    assertThat(told(EndRanks.class)).as("it may be late only, and hold the state").isEmpty();
    assertThat(run.wantsFormation()).isFalse();
    passDeadline();
    assertThat(told(EndRanks.class))
        .singleElement()
        .satisfies(end -> assertThat(end.ranks()).containsExactly(1));
    Form form = (Form) decide(1);
    assertThat(form.survivors()).containsOnly(Map.entry(0, 400L), Map.entry(2, 402L));
  }

  @Test
  void shouldKeepARankThatIsBlamedForItsSilenceAndThenLeaves() {
    running(3, 3, 3);
    park(2, 7, -1);
    passDeadline();
    assertThat(last(JobEvent.Failure.class).verdict().rank()).isZero();
    park(1, 7, -1);
    park(0, 7, -1);
    assertThat(((Form) decide(0)).survivors()).hasSize(3);
    assertThat(stored.failures())
        .singleElement()
        .satisfies(f -> assertThat(f.hosts()).as("no fact speaks against its host").isEmpty());
  }

  /** Of ranks 0 and 1 on one host, 2 and 3 on another. */
  private Verdict notReadyInTime(List<Integer> started, List<Integer> ready) {
    ordered(Jobs.spec(4, 4, POLICY), 4);
    generation++;
    List<Placement> places =
        List.of(new Placement("a", List.of(0, 1)), new Placement("b", List.of(2, 3)));
    run.form(new Form("job-1", places, "test"), Map.of("b", "host-b"), generation, 99);
    started.forEach(rank -> run.onStarted(generation, rank, generation * 100 + rank));
    ready.forEach(
        rank -> report(rank, new RankReport.Ready(new Progress(0, Cursor.START), "", 1, 1, 1, 1)));
    passDeadline();
    return last(JobEvent.Failure.class).verdict();
  }

  @Test
  void shouldBlameARankWhoseProcessHasNotStartedBeforeThoseThatWaitForIt() {
    Verdict verdict = notReadyInTime(List.of(0, 1, 2), List.of());
    assertThat(verdict.rank()).isEqualTo(3);
    assertThat(verdict.host()).isEqualTo("host-b");
    assertThat(verdict.cause()).startsWith("ranks [0, 1, 2, 3] were not ready within");
  }

  @Test
  void shouldBlameARankOfAHostOfWhichNoneIsReadyBeforeOneOfAnotherHost() {
    assertThat(notReadyInTime(List.of(0, 1, 2, 3), List.of(1)).rank()).isEqualTo(2);
    assertThat(notReadyInTime(List.of(0, 1, 2, 3), List.of(1, 3)).rank()).isZero();
  }

  @Test
  void shouldGiveNoNewRanksToAHostOnWhichOneKeepsHanging() {
    running(Jobs.spec(3, 3, new FailurePolicySpec(5, 600, 3, 2, 60, 3)), 3);
    for (long step = 1; step <= 3; step++) {
      committed(step);
      assertThat(run.situation(List.of()).excluded()).isEmpty();
      park(2, step, -1);
      park(0, step, -1);
      passDeadline();
      passDeadline();
      assertThat(told(EndRanks.class)).hasSize(1);
      if (step < 3) {
        apply(decide(1));
        start(3, step);
      }
    }
    assertThat(run.situation(List.of()).excluded()).containsExactly("host-a");
    assertThat(stored.failures())
        .hasSize(3)
        .allSatisfy(f -> assertThat(f.hosts()).containsExactly("host-a"));
  }

  @Test
  void shouldCountAHangThatEndsInADeathAgainstItsHost() {
    running(2, 2, 2);
    park(0, 7, -1);
    passDeadline();
    exit(1);
    assertThat(stored.failures())
        .singleElement()
        .satisfies(f -> assertThat(f.hosts()).containsExactly("host-a"));
  }

  @Test
  void shouldCountAHangAgainstTheHostOfWhoDoesNotLeaveRatherThanOfWhoWasLate() {
    ordered(Jobs.spec(3, 3, POLICY), 3);
    generation++;
    List<Placement> places =
        List.of(new Placement("a", List.of(0, 1)), new Placement("b", List.of(2)));
    run.form(new Form("job-1", places, "test"), Map.of("b", "host-b"), generation, 99);
    start(3, 0);
    park(0, 7, -1);
    passDeadline();
    assertThat(last(JobEvent.Failure.class).verdict().rank()).isEqualTo(1);
    park(1, 7, -1);
    passDeadline();
    assertThat(stored.failures())
        .singleElement()
        .satisfies(f -> assertThat(f.hosts()).containsExactly("host-b"));
  }

  /** It waits, out of its collectives, with the state: another object store may answer later. */
  @Test
  void shouldNotKillWhoLeavesByItselfWhileOthersLeave() {
    running(2, 2, 2);
    committed(1);
    park(0, 7, 0);
    assertThat(run.state()).isEqualTo(JobState.RECOVERING);
    park(1, 7, 1);
    assertThat(told(EndRanks.class)).isEmpty();
    assertThat(((Form) decide(0)).survivors()).hasSize(2);
  }

  private void passDeadline() {
    time.pass(run.nextDeadline().orElseThrow());
    run.onTime();
  }
}
