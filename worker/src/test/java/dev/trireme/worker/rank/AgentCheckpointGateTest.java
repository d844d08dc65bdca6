package dev.trireme.worker.rank;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.protocol.AgentToRank;
import dev.trireme.protocol.AgentToRank.CheckpointGrant;
import dev.trireme.protocol.RankReport;
import dev.trireme.protocol.Stamp;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class AgentCheckpointGateTest {
  private static final Duration LONG = Duration.ofSeconds(20);
  private static final Stamp STAMP = new Stamp(1, 3);

  private final List<RankReport> reports = new ArrayList<>();
  private final AgentCheckpointGate gate =
      new AgentCheckpointGate(reports::add, step -> "/run/step-" + step);

  private boolean await(CompletableFuture<Boolean> answer) throws Exception {
    return answer.get(10, TimeUnit.SECONDS);
  }

  private CompletableFuture<Boolean> waiting(long generation, long step) {
    return CompletableFuture.supplyAsync(() -> gate.awaitGrant(generation, step, LONG));
  }

  @Test
  void shouldWaitForItsOwnGrant() throws Exception {
    CompletableFuture<Boolean> answer = waiting(3, 200);
    gate.onCommand(new CheckpointGrant(STAMP, 100, true, ""));
    gate.onCommand(new CheckpointGrant(new Stamp(1, 2), 200, true, ""));
    assertThat(answer).isNotDone();
    gate.onCommand(new CheckpointGrant(STAMP, 200, true, ""));
    assertThat(await(answer)).isTrue();
  }

  @Test
  void shouldTakeAGrantThatCameFirst() {
    gate.onCommand(new CheckpointGrant(STAMP, 200, true, ""));
    assertThat(gate.awaitGrant(3, 200, LONG)).isTrue();
  }

  @Test
  void shouldSayNoWhenRefused() {
    gate.onCommand(new CheckpointGrant(STAMP, 200, false, "superseded"));
    assertThat(gate.awaitGrant(3, 200, LONG)).isFalse();
  }

  @Test
  void shouldSayNoAfterTheDeadline() {
    assertThat(gate.awaitGrant(3, 200, Duration.ofMillis(20))).isFalse();
  }

  @Test
  void shouldSayNoWhenTheGenerationIsOver() throws Exception {
    CompletableFuture<Boolean> answer = waiting(3, 200);
    gate.onCommand(new AgentToRank.AbortGeneration(STAMP, "rank 1 died"));
    assertThat(await(answer)).isFalse();
    assertThat(gate.isOver(3)).isTrue();
    assertThat(gate.isOver(4)).isFalse();
  }

  @Test
  void shouldReportShardsAndEnds() {
    gate.shardWritten(3, 200);
    gate.finished(3, 200, Duration.ofMillis(5), Duration.ofMillis(1500), 1 << 20, "");
    assertThat(reports)
        .containsExactly(
            new RankReport.ShardWritten(200),
            new RankReport.CheckpointFinished(200, "/run/step-200", 0.005, 1.5, 1 << 20, ""));
  }

  @Test
  void shouldSayNothingOnceTheFormationHasBeenLeft() throws Exception {
    CompletableFuture<Boolean> answer = waiting(3, 100);
    gate.leave();
    assertThat(await(answer)).isFalse();
    assertThat(gate.isOver(3)).isTrue();
    gate.shardWritten(3, 200);
    gate.finished(3, 200, Duration.ZERO, Duration.ZERO, 0, "the storage was away");
    assertThat(reports).as("they would be words of the next formation").isEmpty();
  }
}
