package dev.trireme.coordinator.life;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.api.data.Cursor;
import dev.trireme.api.train.Progress;
import dev.trireme.coordinator.CoordinatorConfig.Timing;
import dev.trireme.coordinator.CoordinatorException;
import dev.trireme.coordinator.JobEvent;
import dev.trireme.coordinator.Jobs;
import dev.trireme.coordinator.schedule.SchedulingDecision.Form;
import dev.trireme.protocol.AgentToRank.AbortGeneration;
import dev.trireme.protocol.AgentToRank.CheckpointGrant;
import dev.trireme.protocol.AgentToRank.StopAfterStep;
import dev.trireme.protocol.CoordinatorToAgent.EndRanks;
import dev.trireme.protocol.CoordinatorToAgent.PrepareRanks;
import dev.trireme.protocol.CoordinatorToAgent.StartRanks;
import dev.trireme.protocol.CoordinatorToAgent.Survivor;
import dev.trireme.protocol.CoordinatorToAgent.TellRanks;
import dev.trireme.protocol.JobState;
import dev.trireme.protocol.RankReport;
import dev.trireme.protocol.StateSource;
import dev.trireme.protocol.Stored.Wish;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** From a broken or changed formation to the next one. */
class JobRunRecoveryTest extends RecoveringJob {
  @Test
  void shouldGoOnFromTheSurvivorAndSayHowLongItTook() {
    running(2, 2, 2);
    committed(1);
    told.clear();
    exit(1);
    assertThat(run.state()).isEqualTo(JobState.RECOVERING);
    assertThat(told(TellRanks.class))
        .extracting(TellRanks::command)
        .singleElement()
        .isInstanceOf(AbortGeneration.class);
    assertThat(run.wantsFormation()).as("the survivor has not left yet").isFalse();
    time.pass(Duration.ofMillis(100));
    park(0, 7, -1);

    apply(decide(1));

    StartRanks start = told(StartRanks.class).get(0);
    assertThat(start.survivors()).containsExactly(new Survivor(0, 400));
    assertThat(start.source()).isEqualTo(StateSource.rank(0));
    time.pass(Duration.ofMillis(900));
    start(2, 7);
    assertThat(stored.generations().get(1).firstStep()).contains(8L);
    time.pass(Duration.ofMillis(500));
    committed(8);
    JobEvent.Recovered recovered = last(JobEvent.Recovered.class);
    assertThat(recovered.generation()).isEqualTo(5);
    assertThat(recovered.firstStep()).isEqualTo(8);
    assertThat(recovered.detected()).isZero();
    assertThat(recovered.aborted()).isEqualTo(0.1);
    assertThat(recovered.restored()).isEqualTo(1.0);
    assertThat(recovered.stepped()).isEqualTo(1.5);
  }

  @Test
  void shouldKillARankThatDoesNotAnswerAndGoOnWithoutIt() {
    running(2, 2, 2);
    park(0, 7, 1);
    time.pass(run.nextDeadline().orElseThrow());
    run.onTime();

    assertThat(told(EndRanks.class))
        .singleElement()
        .satisfies(end -> assertThat(end.ranks()).containsExactly(1));
    assertThat(last(JobEvent.Failure.class).verdict().rank()).isEqualTo(1);
    assertThat(((Form) decide(1)).survivors()).containsOnly(Map.entry(0, 400L));
  }

  @Test
  void shouldGiveUpSurvivorsThatDoNotLeaveInTime() {
    running(3, 3, 3);
    exit(1);
    park(0, 7, -1);
    assertThat(run.wantsFormation()).isFalse();
    time.pass(run.nextDeadline().orElseThrow());
    run.onTime();

    assertThat(last(JobEvent.Failure.class).verdict().cause()).contains("did not leave");
    assertThat(((Form) decide(2)).survivors()).containsOnly(Map.entry(0, 400L));
  }

  /** To give up a write that its storage holds up takes a rank 10 seconds. */
  @Test
  void shouldLeaveRanksTheTimeToCloseUnderTheNextCoordinator() {
    running(Jobs.withTimeout(Jobs.spec(2, 2, POLICY), 2), 2);
    exit(1);
    run = new JobRun(stored, Timing.DEFAULT, time, new Recorder());
    run.takeOver("another coordinator is here", 0);
    run.onStarted(generation, 0, 400);
    told.clear();
    run.onInventory("a", Set.of(0));
    assertThat(told(TellRanks.class)).as("it is told again to leave").hasSize(1);
    time.pass(Duration.ofSeconds(9));
    run.onTime();
    assertThat(told(EndRanks.class)).isEmpty();
    park(0, 7, -1);
    assertThat(((Form) decide(1)).source()).isEqualTo(StateSource.rank(0));
  }

  @Test
  void shouldLeaveRanksThatAreBackInReachTheTimeToClose() {
    running(Jobs.withTimeout(Jobs.spec(2, 2, POLICY), 2), 2);
    run.onAgentCutOff("a", "host-a", Duration.ofSeconds(80));
    time.pass(Duration.ofSeconds(20));
    run.onTime();
    run.onAgentBack("a");
    time.pass(Duration.ofSeconds(9));
    run.onTime();
    assertThat(told(EndRanks.class)).isEmpty();
    park(0, 7, -1);
    park(1, 7, -1);
    assertThat(((Form) decide(0)).survivors()).hasSize(2);
  }

  @Test
  void shouldCountAFailureDuringARecoveryAsPartOfIt() {
    running(2, 2, 2);
    committed(1);
    exit(1);
    exit(0);
    assertThat(events.stream().filter(e -> e instanceof JobEvent.Failure)).hasSize(2);
    Form form = (Form) decide(2);
    assertThat(form.source()).isEqualTo(StateSource.CHECKPOINT);
  }

  @Test
  void shouldWaitLongerBeforeEachFruitlessRestartAndThenEnd() {
    running(1, 1, 1);
    exit(0);
    for (int wait : new int[] {2, 4}) {
      apply(decide(1));
      exit(0);
      assertThat(run.wantsFormation()).isFalse();
      assertThat(run.nextDeadline()).contains(Duration.ofSeconds(wait));
      time.pass(Duration.ofSeconds(wait));
      run.onTime();
    }
    apply(decide(1));
    exit(0);
    assertThat(run.state()).isEqualTo(JobState.FAILED);
    assertThat(run.record().reason()).contains("maxFruitlessRestarts is 3");
  }

  @Test
  void shouldKeepItsFailuresForTheCoordinatorThatComesAfter() {
    running(2, 2, 2);
    exit(1);
    exit(0);
    time.pass(Duration.ofSeconds(10));

    assertThat(stored.failures())
        .singleElement()
        .satisfies(
            f -> {
              assertThat(f.fruitless()).isTrue();
              assertThat(f.hosts()).isNotEmpty();
            });
    List<Restarts.Broken> after = new Recovery(time, stored).history();
    assertThat(after).hasSize(1);
    assertThat(time.nanos() - after.get(0).nanos()).isEqualTo(10_000_000_000L);
  }

  @Test
  void shouldRefuseCheckpointsOfABrokenFormation() {
    running(2, 2, 2);
    report(0, new RankReport.ShardWritten(5));
    exit(1);
    told.clear();
    report(1, new RankReport.ShardWritten(5));
    assertThat(told(TellRanks.class))
        .extracting(TellRanks::command)
        .singleElement()
        .satisfies(c -> assertThat(((CheckpointGrant) c).granted()).isFalse());
  }

  @Test
  void shouldShrinkAtOnceAndGrowWhenAProcessIsReady() {
    running(1, 2, 2);
    committed(1);
    exit(1);
    park(0, 7, -1);
    apply(decide(1));
    assertThat(told(StartRanks.class).get(0).worldSize()).isEqualTo(1);
    start(1, 7);
    assertThat(told(PrepareRanks.class))
        .singleElement()
        .satisfies(prepare -> assertThat(prepare.count()).isEqualTo(1));

    run.onSpares("a", 1);
    assertThat(told(TellRanks.class))
        .extracting(TellRanks::command)
        .singleElement()
        .isInstanceOf(StopAfterStep.class);
    Progress progress = new Progress(9, Cursor.START);
    report(0, new RankReport.Finished(progress, 0, true, Map.of(), "h", 1));
    assertThat(run.state()).isEqualTo(JobState.RECOVERING);
    apply(decide(1));
    assertThat(told(StartRanks.class).get(0).worldSize()).isEqualTo(2);
  }

  @Test
  void shouldHaveServersJoinOnceTheyAreThereAndAllHaveStopped() {
    running(Jobs.withServers(Jobs.spec(2, 2, POLICY), 1, 0), 3);
    told.clear();
    run.scaleServers(2);
    assertThat(told(PrepareRanks.class)).hasSize(1);
    assertThat(told(TellRanks.class)).as("nobody waits for a process to load").isEmpty();
    assertThat(run.record().job().parallel().servers()).isEqualTo(1);
    run.onSpares("a", 1);
    assertThat(told(TellRanks.class)).hasSize(1);
    Progress progress = new Progress(9, Cursor.START);
    report(0, new RankReport.Finished(progress, 0, true, Map.of(), "h", 1));
    report(1, new RankReport.Finished(progress, 0, true, Map.of(), "h", 1));
    report(2, new RankReport.Finished(progress, 0, false, Map.of(), "", 1));
    apply(decide(1));
    StartRanks start = told(StartRanks.class).get(0);
    assertThat(start.worldSize()).isEqualTo(4);
    assertThat(start.job().parallel().servers()).isEqualTo(2);
    assertThat(start.survivors()).hasSize(3);
    assertThat(stored.job().parallel().servers()).isEqualTo(2);
  }

  @Test
  void shouldFormAsBeforeWhatBreaksBeforeServersHaveJoined() {
    running(Jobs.withServers(Jobs.spec(2, 2, POLICY), 1, 0), 3);
    committed(1);
    run.scaleServers(3);
    exit(1);
    park(0, 7, -1);
    park(2, 7, -1);
    apply(decide(5));
    StartRanks start = told(StartRanks.class).get(0);
    assertThat(start.worldSize()).isEqualTo(3);
    assertThat(start.job().parallel().servers()).isEqualTo(1);
    start(3, 7);
    assertThat(told(PrepareRanks.class)).as("they are wanted still").hasSize(1);
  }

  @Test
  void shouldStillHaveServersJoinUnderTheNextCoordinator() {
    running(Jobs.withServers(Jobs.spec(2, 2, POLICY), 1, 0), 3);
    run.scaleServers(2);
    assertThat(stored.wish()).contains(new Wish(4, Optional.of(2)));
    goesOn(3);
    assertThat(told(PrepareRanks.class)).hasSize(1);
    assertThat(run.record().job().parallel().servers()).as("until they are there").isEqualTo(1);
  }

  @Test
  void shouldStillShrinkUnderTheNextCoordinator() {
    running(1, 2, 2);
    run.scale(1);
    goesOn(2);
    assertThat(told(TellRanks.class))
        .extracting(TellRanks::command)
        .singleElement()
        .isInstanceOf(StopAfterStep.class);
  }

  /** Another coordinator finds all ranks where they were. */
  private void goesOn(int size) {
    run = new JobRun(stored, Timing.DEFAULT, time, new Recorder());
    told.clear();
    run.takeOver("another coordinator is here", 0);
    start(size, 0);
    run.onInventory("a", IntStream.range(0, size).boxed().collect(Collectors.toSet()));
  }

  @Test
  void shouldWantNothingThatCouldNotBeKept() {
    running(1, 2, 2);
    keeps = false;
    assertThatThrownBy(() -> run.scale(1)).hasMessageContaining("not kept");
    keeps = true;
    assertThat(stored.wish()).isEmpty();
    told.clear();
    run.onSpares("a", 1);
    assertThat(told).as("nobody has to stop").isEmpty();
  }

  @Test
  void shouldRefuseServersThatTheJobCannotHave() {
    running(Jobs.withServers(Jobs.spec(2, 2, POLICY), 3, 1), 5);
    assertThatThrownBy(() -> run.scaleServers(1))
        .isInstanceOf(CoordinatorException.class)
        .hasMessageContainingAll("job-1", "backups");
    assertThatThrownBy(() -> run.scaleServers(0)).hasMessageContaining("1 or more");
    assertThatThrownBy(() -> run.scaleServers(100)).hasMessageContaining("at most");
  }

  @Test
  void shouldRefuseServersForAJobWithoutThem() {
    running(1, 2, 2);
    assertThatThrownBy(() -> run.scaleServers(2)).hasMessageContaining("no parameter server");
  }

  @Test
  void shouldRefuseASizeThatTheJobCannotHave() {
    running(1, 2, 2);
    assertThatThrownBy(() -> run.scale(3))
        .isInstanceOf(CoordinatorException.class)
        .hasMessage("job-1 can have 1:2 workers (parallel.workers), found 3");
  }

  @Test
  void shouldEndAtOnceWhenCancelledDuringARecovery() {
    running(2, 2, 2);
    exit(1);
    park(0, 7, -1);
    run.cancel("the user wants it");
    assertThat(told(EndRanks.class)).isNotEmpty();
    exit(0);
    assertThat(run.state()).isEqualTo(JobState.CANCELLED);
  }
}
