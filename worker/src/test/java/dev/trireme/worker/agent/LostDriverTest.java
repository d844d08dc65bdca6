package dev.trireme.worker.agent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.protocol.RankReport;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** An agent that stood still for longer than its media driver waits for it. */
class LostDriverTest {
  private static final Duration LIVENESS = Duration.ofSeconds(4);

  @TempDir Path shm;
  @TempDir Path runDirectory;

  private AgentConfig config(HostCheck check) {
    AgentConfig plain = AgentFixture.config(shm, 1, 0, "work");
    return new AgentConfig(
        plain.agentId(),
        plain.host(),
        plain.slots(),
        plain.cores(),
        plain.sharedMemory(),
        plain.rankCommand(),
        plain.warm(),
        OptionalInt.empty(),
        plain.devices(),
        plain.noDevices(),
        plain.address(),
        plain.offer(),
        check);
  }

  @Test
  @Timeout(90)
  void shouldSayThatItCanStartNoRanksAndLeaveTheHostToTheNextOne() throws Exception {
    CountDownLatch never = new CountDownLatch(1);
    HostCheck hangs =
        order -> {
          try {
            never.await(LIVENESS.multipliedBy(2).toMillis(), TimeUnit.MILLISECONDS);
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
          }
          return List.of();
        };
    TestCoordinator first = new TestCoordinator();
    try (AgentNode agent = AgentNode.start(config(hangs), first, LIVENESS)) {
      assertThat(agent.lost().toCompletableFuture()).isNotDone();
      first.startRanks(runDirectory, 0);
      agent.lost().toCompletableFuture().get(30, TimeUnit.SECONDS);
    }
    TestCoordinator second = new TestCoordinator();
    try (AgentNode agent = AgentNode.start(config(HostCheck.NONE), second)) {
      second.startRanks(runDirectory, 0);
      second.awaitReport(0, RankReport.Ready.class);
      assertThat(agent.lost().toCompletableFuture()).isNotDone();
    }
    assertThat(AgentFixture.list(shm)).isEmpty();
  }
}
