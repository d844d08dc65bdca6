package dev.trireme.worker.agent;

import static dev.trireme.worker.agent.TestCoordinator.JOB;
import static dev.trireme.worker.agent.TestCoordinator.STAMP;
import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.protocol.AgentToCoordinator.FromRank;
import dev.trireme.protocol.AgentToCoordinator.HarmAnswered;
import dev.trireme.protocol.AgentToCoordinator.RankExit;
import dev.trireme.protocol.AgentToCoordinator.RankExited;
import dev.trireme.protocol.AgentToCoordinator.RankStarted;
import dev.trireme.protocol.AgentToCoordinator.SparesReady;
import dev.trireme.protocol.AgentToRank;
import dev.trireme.protocol.CoordinatorToAgent;
import dev.trireme.protocol.HarmKind;
import dev.trireme.protocol.RankReport;
import dev.trireme.protocol.Stamp;
import dev.trireme.protocol.StateSource;
import dev.trireme.worker.channel.ExitCode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The agent with real child processes over the real channel. */
class AgentNodeTest {
  @TempDir Path shm;
  @TempDir Path runDirectory;
  private final TestCoordinator coordinator = new TestCoordinator();
  private AgentNode agent;

  @AfterEach
  void closeAgent() {
    if (agent != null) {
      agent.close();
    }
  }

  private void start(int slots, int warm, String mode) {
    agent = AgentNode.start(AgentFixture.config(shm, slots, warm, mode), coordinator);
  }

  @Test
  void shouldRunTwoRanksFromStartToRelease() throws Exception {
    start(2, 0, "work");
    coordinator.startRanks(runDirectory, 0, 1);
    RankStarted first = coordinator.awaitStarted(0);
    assertThat(first.jobId()).isEqualTo(JOB);
    assertThat(first.generation()).isEqualTo(STAMP.generation());
    assertThat(ProcessHandle.of(first.pid())).isPresent();
    coordinator.awaitReport(0, RankReport.Ready.class);
    coordinator.awaitReport(1, RankReport.Ready.class);

    coordinator.stop();

    RankReport.Finished finished = coordinator.awaitReport(1, RankReport.Finished.class);
    assertThat(finished.stopped()).isTrue();
    assertThat(finished.metrics()).containsEntry("threads", 1.0);
    coordinator.awaitReport(0, RankReport.Finished.class);
    coordinator.tell(new AgentToRank.Release());
    for (int rank = 0; rank < 2; rank++) {
      RankExit exit = coordinator.awaitExit(rank);
      assertThat(exit.code()).isZero();
      assertThat(exit.expected()).isTrue();
      assertThat(Files.readAllLines(runDirectory.resolve("logs/rank-" + rank + ".log")))
          .as("nothing but what the rank prints: no warning of the JVM")
          .containsExactly("loading", "rank " + rank + " of 2");
    }
    assertThat(Path.of(finished.stateHash())).as("the shared directory").doesNotExist();
  }

  @Test
  void shouldSayThatARankWasKilled() {
    start(1, 0, "work");
    coordinator.startRanks(runDirectory, 0);
    coordinator.awaitReport(0, RankReport.Ready.class);
    ProcessHandle.of(coordinator.awaitStarted(0).pid()).orElseThrow().destroyForcibly();

    RankExit exit = coordinator.awaitExit(0);
    assertThat(exit.code()).isEqualTo(137);
    assertThat(exit.expected()).isFalse();
    assertThat(exit.description()).startsWith("killed by SIGKILL");
    assertThat(exit.lastLines()).contains("rank 0 of 1");
  }

  @Test
  void shouldHarmARankWhenOrderedAndSayWhy() {
    start(2, 0, "work");
    coordinator.startRanks(runDirectory, 0, 1);
    coordinator.awaitReport(1, RankReport.Ready.class);
    coordinator.command(harm(1, HarmKind.DROP_LINK, 0, false));
    coordinator.command(harm(2, HarmKind.KILL, 7, false));
    coordinator.command(harm(3, HarmKind.KILL, 1, true));
    coordinator.command(harm(4, HarmKind.KILL, 1, false));

    assertThat(coordinator.await(HarmAnswered.class, a -> a.order() == 1).refusal())
        .contains("no link that could be dropped");
    assertThat(coordinator.await(HarmAnswered.class, a -> a.order() == 2).refusal())
        .contains("has no such rank");
    assertThat(coordinator.await(HarmAnswered.class, a -> a.order() == 3).how())
        .isEqualTo("killed");
    HarmAnswered killed = coordinator.await(HarmAnswered.class, a -> a.order() == 4);
    assertThat(killed.pid()).isEqualTo(coordinator.awaitStarted(1).pid());
    assertThat(coordinator.awaitExit(1).description()).startsWith("killed by SIGKILL");
  }

  private static CoordinatorToAgent harm(int order, HarmKind kind, int rank, boolean trial) {
    return new CoordinatorToAgent.HarmRank(STAMP, JOB, order, kind, rank, 1000, trial);
  }

  @Test
  void shouldSayThatARankRanOutOfMemory() {
    start(1, 0, "out-of-memory");
    coordinator.startRanks(runDirectory, 0);

    RankExit exit = coordinator.awaitExit(0);
    assertThat(exit.description()).isEqualTo("out of memory (exit code 3)");
    assertThat(exit.expected()).isFalse();
    assertThat(exit.lastLines()).anyMatch(l -> l.contains("OutOfMemoryError"));
  }

  @Test
  void shouldGiveTheLastLinesOfARankThatThrew() {
    start(1, 0, "throw");
    coordinator.startRanks(runDirectory, 0);

    RankExit exit = coordinator.awaitExit(0);
    assertThat(exit.description()).isEqualTo("exit code 1");
    assertThat(exit.lastLines()).anyMatch(l -> l.contains("the test rank throws"));
  }

  @Test
  void shouldRelayReportsInOrderAndBeforeTheExit() {
    start(1, 0, "flood");
    coordinator.startRanks(runDirectory, 0);
    for (int step = 1; step <= 400; step++) {
      RankReport.Committed committed = coordinator.awaitReport(0, RankReport.Committed.class);
      assertThat(committed.step()).isEqualTo(step);
    }
  }

  @Test
  void shouldPassCommandsToTheRanksThatAreMeant() {
    start(2, 0, "work");
    coordinator.startRanks(runDirectory, 0, 1);
    coordinator.awaitReport(0, RankReport.Ready.class);
    coordinator.awaitReport(1, RankReport.Ready.class);

    coordinator.command(
        new CoordinatorToAgent.TellRanks(
            STAMP, JOB, List.of(1), new AgentToRank.AbortGeneration(STAMP, "test")));

    assertThat(coordinator.awaitExit(1).code()).isEqualTo(17);
    coordinator.tell(new AgentToRank.CheckpointAfterStep(STAMP));
    coordinator.awaitReport(0, RankReport.ShardWritten.class);
  }

  @Test
  void shouldMakeRanksOfWarmProcesses() {
    start(2, 1, "work");
    coordinator.startRanks(runDirectory, 0, 1);
    long warm = coordinator.awaitStarted(0).pid();
    long cold = coordinator.awaitStarted(1).pid();
    assertThat(warm).isNotEqualTo(cold);
    coordinator.awaitReport(0, RankReport.Ready.class);
    coordinator.awaitReport(1, RankReport.Ready.class);

    coordinator.stop();

    // Only a process started for the job knows the threads that are left for it.
    assertThat(coordinator.awaitReport(0, RankReport.Finished.class).metrics())
        .containsEntry("threads", 0.0);
    assertThat(coordinator.awaitReport(1, RankReport.Finished.class).metrics())
        .containsEntry("threads", 1.0);
  }

  @Test
  void shouldKeepWhatAWarmProcessPrintedForItsLog() throws Exception {
    start(1, 1, "work");
    coordinator.startRanks(runDirectory, 0);
    coordinator.awaitReport(0, RankReport.Ready.class);
    coordinator.stop();
    coordinator.awaitExit(0);
    assertThat(Files.readAllLines(runDirectory.resolve("logs/rank-0.log")))
        .startsWith("loading", "rank 0 of 1");
  }

  @Test
  void shouldRefuseCommandsOfALowerStamp() {
    start(2, 0, "work");
    Stamp second = new Stamp(2, 5);
    coordinator.command(TestCoordinator.startCommand(second, runDirectory, 0));
    coordinator.awaitReport(0, RankReport.Ready.class);

    coordinator.command(new CoordinatorToAgent.EndRanks(new Stamp(1, 9), JOB, 0, "old term"));
    coordinator.command(new CoordinatorToAgent.EndRanks(new Stamp(2, 4), JOB, 0, "old generation"));
    coordinator.command(
        new CoordinatorToAgent.TellRanks(
            second, JOB, List.of(), new AgentToRank.CheckpointAfterStep(second)));

    // Commands are obeyed in order, so the rank has outlived the two before.
    coordinator.awaitReport(0, RankReport.ShardWritten.class);
    assertThat(coordinator.registration().highestTerm()).isEqualTo(2);
    assertThat(coordinator.registration().highestGeneration()).isEqualTo(5);
  }

  @Test
  void shouldRefuseMoreRanksThanSlots() {
    start(1, 0, "work");
    coordinator.startRanks(runDirectory, 0, 1);
    RankExit exit = coordinator.awaitExit(1);
    assertThat(exit.expected()).isFalse();
    assertThat(exit.description())
        .isEqualTo("could not be started: all 1 slots of agent agent-a are taken");
  }

  @Test
  void shouldStartARankOnceWhenToldTwice() {
    start(2, 0, "work");
    coordinator.startRanks(runDirectory, 0);
    coordinator.startRanks(runDirectory, 0);
    coordinator.awaitReport(0, RankReport.Ready.class);
    coordinator.stop();
    coordinator.awaitExit(0);
    coordinator.command(
        new CoordinatorToAgent.StartRanks(
            STAMP,
            "job-2",
            TestJobs.job(Optional.of(3)),
            "",
            runDirectory.toString(),
            2,
            List.of(0, 1),
            7));
    coordinator.await(RankStarted.class, m -> m.jobId().equals("job-2") && m.rank() == 1);
  }

  @Test
  void shouldSayWhyAProcessCannotBeStarted() {
    AgentConfig config = AgentFixture.config(shm, 1, 0, "work");
    RankCommand wrong = new RankCommand(Path.of("/nowhere/java"), List.of(), "", "none", Map.of());
    agent =
        AgentNode.start(
            new AgentConfig(
                config.agentId(),
                config.host(),
                1,
                2,
                config.sharedMemory(),
                wrong,
                0,
                config.rankThreads()),
            coordinator);
    coordinator.startRanks(runDirectory, 0);
    assertThat(coordinator.awaitExit(0).description()).contains("/nowhere/java");
  }

  @Test
  void shouldKillARankThatDoesNotEndInItsGrace() {
    start(1, 0, "work");
    coordinator.startRanks(runDirectory, 0);
    coordinator.awaitReport(0, RankReport.Ready.class);
    ProcessHandle process = ProcessHandle.of(coordinator.awaitStarted(0).pid()).orElseThrow();
    Signals.send("STOP", process.pid());

    coordinator.command(new CoordinatorToAgent.EndRanks(STAMP, JOB, 300, "cancelled"));

    RankExit exit = coordinator.awaitExit(0);
    assertThat(exit.code()).isEqualTo(137);
    assertThat(exit.expected()).isTrue();
    assertThat(exit.description()).contains("cancelled");
  }

  @Test
  void shouldLetARankEndByItselfInItsGrace() {
    start(1, 0, "work");
    coordinator.startRanks(runDirectory, 0);
    coordinator.awaitReport(0, RankReport.Ready.class);
    coordinator.command(new CoordinatorToAgent.EndRanks(STAMP, JOB, 10_000, "cancelled"));
    coordinator.awaitReport(0, RankReport.Finished.class);
    assertThat(coordinator.awaitExit(0).code()).isZero();
  }

  @Test
  void shouldMakeSurvivorsRanksOfTheNextFormationAndEndTheOthers() {
    start(3, 0, "survive");
    coordinator.startRanks(runDirectory, 0, 1);
    long stays = coordinator.awaitStarted(1).pid();
    long goes = coordinator.awaitStarted(0).pid();
    coordinator.awaitReport(0, RankReport.Ready.class);
    coordinator.awaitReport(1, RankReport.Ready.class);
    coordinator.command(
        new CoordinatorToAgent.TellRanks(
            STAMP, JOB, List.of(1), new AgentToRank.AbortGeneration(STAMP, "test")));
    coordinator.awaitReport(1, RankReport.Parked.class);
    Signals.send("STOP", goes);

    Stamp next = new Stamp(1, 2);
    coordinator.command(formation(next, new CoordinatorToAgent.Survivor(0, stays)));

    assertThat(coordinator.await(RankStarted.class, m -> m.generation() == 2 && m.rank() == 0))
        .extracting(RankStarted::pid)
        .isEqualTo(stays);
    FromRank ready =
        coordinator.await(
            FromRank.class,
            m -> m.generation() == 2 && m.rank() == 0 && m.report() instanceof RankReport.Ready);
    assertThat(((RankReport.Ready) ready.report()).restoredFrom()).contains("RANK");
    RankStarted fresh =
        coordinator.await(RankStarted.class, m -> m.generation() == 2 && m.rank() == 1);
    assertThat(fresh.pid()).isNotEqualTo(goes).isNotEqualTo(stays);
    RankExited exited = coordinator.await(RankExited.class, m -> m.rank() == 0);
    assertThat(exited.generation()).isEqualTo(1);
    assertThat(exited.exit().code()).as("though it was stopped").isEqualTo(137);
  }

  @Test
  void shouldPutNobodyInThePlaceOfASurvivorThatIsGone() {
    start(2, 0, "survive");
    coordinator.startRanks(runDirectory, 0);
    coordinator.awaitReport(0, RankReport.Ready.class);
    coordinator.command(
        formation(new Stamp(1, 2), new CoordinatorToAgent.Survivor(0, 4_000_000_000L)));
    RankExited gone =
        coordinator.await(RankExited.class, m -> m.generation() == 2 && m.rank() == 0);
    assertThat(gone.exit().description()).contains("is gone");
  }

  private CoordinatorToAgent.StartRanks formation(
      Stamp stamp, CoordinatorToAgent.Survivor survivor) {
    return new CoordinatorToAgent.StartRanks(
        stamp,
        JOB,
        TestJobs.job(Optional.empty()),
        "name: test",
        runDirectory.toString(),
        2,
        List.of(0, 1),
        43,
        List.of(survivor),
        StateSource.rank(survivor.rank()));
  }

  @Test
  void shouldEndOnlyTheRanksThatAreMeant() {
    start(2, 0, "work");
    coordinator.startRanks(runDirectory, 0, 1);
    coordinator.awaitReport(0, RankReport.Ready.class);
    coordinator.awaitReport(1, RankReport.Ready.class);
    coordinator.command(new CoordinatorToAgent.EndRanks(STAMP, JOB, 0, "frozen", List.of(1)));
    assertThat(coordinator.awaitExit(1).code()).isEqualTo(137);
    coordinator.tell(new AgentToRank.CheckpointAfterStep(STAMP));
    coordinator.awaitReport(0, RankReport.ShardWritten.class);
  }

  @Test
  void shouldPrepareAsManyProcessesAsFit() {
    start(2, 0, "work");
    coordinator.startRanks(runDirectory, 0);
    coordinator.awaitReport(0, RankReport.Ready.class);
    coordinator.command(new CoordinatorToAgent.PrepareRanks(STAMP, JOB, 3));
    assertThat(coordinator.await(SparesReady.class, m -> true))
        .isEqualTo(new SparesReady("agent-a", JOB, 1));
  }

  @Test
  void shouldIgnoreCtrlCAndTheClosingOfTheTerminal() {
    start(1, 0, "work");
    coordinator.startRanks(runDirectory, 0);
    coordinator.awaitReport(0, RankReport.Ready.class);
    long pid = coordinator.awaitStarted(0).pid();
    Signals.send("INT", pid);
    Signals.send("HUP", pid);
    coordinator.tell(new AgentToRank.CheckpointAfterStep(STAMP));
    coordinator.awaitReport(0, RankReport.ShardWritten.class);
    coordinator.stop();
    RankExit exit = coordinator.awaitExit(0);
    assertThat(exit.code()).as(exit.toString()).isZero();
  }

  @Test
  void shouldLeaveNoProcessAndNoFileBehind() throws Exception {
    start(3, 2, "work");
    coordinator.startRanks(runDirectory, 0, 1);
    coordinator.awaitReport(0, RankReport.Ready.class);
    coordinator.awaitReport(1, RankReport.Ready.class);
    List<ProcessHandle> children = ProcessHandle.current().children().toList();
    assertThat(children).hasSizeGreaterThanOrEqualTo(2);
    assertThat(AgentFixture.list(shm)).hasSize(1);

    agent.close();

    assertThat(children).noneMatch(ProcessHandle::isAlive);
    assertThat(AgentFixture.list(shm)).isEmpty();
    assertThat(coordinator.awaitExit(0).expected()).isTrue();
    assertThat(coordinator.await(RankExited.class, m -> m.rank() == 1).exit().code())
        .isEqualTo(ExitCode.AGENT_LOST);
    for (Thread thread : Thread.getAllStackTraces().keySet()) {
      if (thread.getName().startsWith("agent-")) {
        thread.join(5000);
        assertThat(thread.isAlive()).as(thread.getName()).isFalse();
      }
    }
  }

  @Test
  void shouldCloseWithWarmProcessesThatWereNeverNeeded() throws Exception {
    start(2, 2, "work");
    agent.close();
    assertThat(AgentFixture.list(shm)).isEmpty();
    assertThat(coordinator.registration().highestTerm()).isZero();
  }

  @Test
  void shouldLeaveNothingBehindWhenItsProcessIsKilled() throws Exception {
    Process process =
        new ProcessBuilder(
                AgentFixture.rankCommand("").java().toString(),
                "-XX:+IgnoreUnrecognizedVMOptions",
                "--sun-misc-unsafe-memory-access=allow",
                "--add-exports=java.base/jdk.internal.misc=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                TestAgent.class.getName(),
                shm.toString(),
                runDirectory.toString())
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    List<Long> ranks = TestAgent.readPids(process.getInputStream());
    assertThat(ranks).hasSize(2).allMatch(pid -> ProcessHandle.of(pid).isPresent());

    process.destroyForcibly();
    assertThat(process.waitFor(10, TimeUnit.SECONDS)).isTrue();

    for (long pid : ranks) {
      AgentFixture.awaitGone(pid);
    }
    assertThat(AgentFixture.list(shm)).as("what the killed agent left").hasSize(1);
    start(1, 0, "work");
    assertThat(AgentFixture.list(shm)).as("the new agent's own").hasSize(1);
    agent.close();
    assertThat(AgentFixture.list(shm)).isEmpty();
  }

  @Test
  void shouldNotSweepALivingAgent() throws Exception {
    start(1, 0, "work");
    try (AgentNode second =
        AgentNode.start(AgentFixture.config(shm, 1, 0, "work"), new TestCoordinator())) {
      assertThat(second).isNotNull();
      assertThat(AgentFixture.list(shm)).hasSize(2);
    }
    coordinator.startRanks(runDirectory, 0);
    coordinator.awaitReport(0, RankReport.Ready.class);
    coordinator.stop();
    assertThat(coordinator.await(FromRank.class, m -> m.report() instanceof RankReport.Finished))
        .isNotNull();
  }
}
