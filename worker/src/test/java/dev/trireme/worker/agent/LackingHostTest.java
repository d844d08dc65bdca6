package dev.trireme.worker.agent;

import static dev.trireme.worker.agent.TestCoordinator.JOB;
import static dev.trireme.worker.agent.TestCoordinator.STAMP;
import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.protocol.AgentToCoordinator.RankExited;
import dev.trireme.protocol.AgentToCoordinator.RankStarted;
import dev.trireme.protocol.AgentToCoordinator.RanksRefused;
import dev.trireme.protocol.AgentToRank;
import dev.trireme.protocol.CoordinatorToAgent.StartRanks;
import dev.trireme.protocol.CoordinatorToAgent.Survivor;
import dev.trireme.protocol.RankReport;
import dev.trireme.protocol.Stamp;
import dev.trireme.protocol.StateSource;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A host that comes to lack what a job needs while it has ranks of it. */
class LackingHostTest {
  @TempDir Path shm;
  @TempDir Path runDirectory;
  private final TestCoordinator coordinator = new TestCoordinator();
  private volatile List<String> lacking = List.of();
  private AgentNode agent;

  @BeforeEach
  void startTwoRanks() {
    AgentConfig usual = AgentFixture.config(shm, 3, 0, "survive");
    agent =
        AgentNode.start(
            new AgentConfig(
                usual.agentId(),
                usual.host(),
                usual.slots(),
                usual.cores(),
                usual.sharedMemory(),
                usual.rankCommand(),
                usual.warm(),
                usual.rankThreads(),
                usual.devices(),
                usual.noDevices(),
                usual.address(),
                usual.offer(),
                order -> lacking),
            coordinator);
    coordinator.startRanks(runDirectory, 0, 1);
    coordinator.awaitReport(0, RankReport.Ready.class);
    coordinator.awaitReport(1, RankReport.Ready.class);
    coordinator.tell(new AgentToRank.AbortGeneration(STAMP, "test"));
    coordinator.awaitReport(0, RankReport.Parked.class);
    coordinator.awaitReport(1, RankReport.Parked.class);
    lacking = List.of("data.path /data/train");
  }

  @AfterEach
  void closeAgent() {
    agent.close();
  }

  /** An order for these ranks, of which the first is to be a process that is there. */
  private StartRanks order(long generation, long survivor, Integer... ranks) {
    return new StartRanks(
        new Stamp(1, generation),
        JOB,
        TestJobs.job(Optional.empty()),
        "name: test",
        runDirectory.toString(),
        ranks.length,
        List.of(ranks),
        43,
        List.of(new Survivor(0, survivor)),
        StateSource.rank(0));
  }

  private long startedAs(long generation) {
    return coordinator.await(RankStarted.class, m -> m.generation() == generation).pid();
  }

  @Test
  void shouldAskNothingOfAHostForRanksThatSurvive() {
    long pid = coordinator.awaitStarted(0).pid();
    coordinator.await(RankStarted.class, m -> m.rank() == 1);
    coordinator.command(order(2, pid, 0));
    assertThat(startedAs(2)).isEqualTo(pid);
  }

  @Test
  void shouldKeepTheSurvivorsOfAnOrderThatItRefuses() {
    long pid = coordinator.awaitStarted(0).pid();
    coordinator.await(RankStarted.class, m -> m.rank() == 1);

    coordinator.command(order(2, pid, 0, 1));

    RanksRefused refused = coordinator.await(RanksRefused.class, m -> true);
    assertThat(refused.generation()).isEqualTo(2);
    assertThat(refused.why()).contains("data.path /data/train");
    assertThat(coordinator.await(RankExited.class, m -> true).rank())
        .as("who is not named has no use any more")
        .isEqualTo(1);
    coordinator.command(order(3, pid, 0));
    assertThat(startedAs(3)).isEqualTo(pid);
  }
}
