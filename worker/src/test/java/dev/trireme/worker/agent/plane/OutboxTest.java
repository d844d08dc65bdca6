package dev.trireme.worker.agent.plane;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.api.data.Cursor;
import dev.trireme.protocol.AgentToCoordinator;
import dev.trireme.protocol.AgentToCoordinator.FromRank;
import dev.trireme.protocol.AgentToCoordinator.Inventory;
import dev.trireme.protocol.AgentToCoordinator.RankExit;
import dev.trireme.protocol.AgentToCoordinator.RankExited;
import dev.trireme.protocol.AgentToCoordinator.RankStarted;
import dev.trireme.protocol.AgentToCoordinator.RankThere;
import dev.trireme.protocol.AgentToCoordinator.RanksRefused;
import dev.trireme.protocol.AgentToCoordinator.Said;
import dev.trireme.protocol.RankReport;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class OutboxTest {
  private static final long SECOND = TimeUnit.SECONDS.toNanos(1);

  private final Outbox outbox = new Outbox("a", "run");
  private long now = Long.MAX_VALUE - 3;

  private static RankStarted started(long generation, int rank) {
    return new RankStarted("a", "job-1", generation, rank, 4000 + rank);
  }

  private static FromRank committed(long step) {
    return new FromRank(
        "a",
        "job-1",
        1,
        0,
        new RankReport.Committed(step, new Cursor(0, 0), 100, 1, 0.1, 10, 1 << 20, 0, 0));
  }

  private static FromRank parked(int rank) {
    return new FromRank("a", "job-1", 1, rank, new RankReport.Parked(3, true, "over", -1));
  }

  private static RankExited exited(int rank) {
    return new RankExited(
        "a", "job-1", 1, rank, new RankExit(4000 + rank, 137, false, "killed", List.of()));
  }

  private List<AgentToCoordinator> due() {
    return outbox.due(now).stream().map(Said::message).toList();
  }

  @Test
  void shouldSayNothingUntilSomebodyHears() {
    outbox.add(started(1, 0));
    assertThat(due()).isEmpty();

    outbox.accepted("c1/1", now);
    assertThat(due())
        .containsExactly(started(1, 0), new Inventory("a", List.of(new RankThere("job-1", 1, 0))));
    assertThat(due()).isEmpty();
  }

  @Test
  void shouldChainWhatItSaysAndSayAgainWhatIsNotAnswered() {
    outbox.accepted("c1/1", now);
    outbox.add(committed(1));
    outbox.add(committed(2));
    List<Said> first = outbox.due(now);
    assertThat(first).extracting(Said::before).containsExactly(0L, 1L, 2L);

    outbox.heard(1, now);
    now += 2 * SECOND;
    assertThat(outbox.due(now)).isEmpty();
    now += 2 * SECOND;
    assertThat(outbox.due(now)).extracting(Said::number).containsExactly(2L, 3L);
  }

  @Test
  void shouldTellAnotherCoordinatorHowRanksStandAndWhatNobodyHasRecorded() {
    outbox.accepted("c1/1", now);
    outbox.add(started(1, 0));
    outbox.add(started(1, 1));
    outbox.add(committed(1));
    outbox.add(committed(2));
    due();
    outbox.heard(5, now);
    outbox.add(committed(3));
    outbox.add(committed(4));
    outbox.add(exited(1));

    outbox.accepted("c2/2", now);
    List<AgentToCoordinator> again = due();
    // Nobody has recorded 3; 2 is recorded and void since 3 was said.
    assertThat(again)
        .containsExactly(
            started(1, 0),
            started(1, 1),
            committed(3),
            committed(4),
            exited(1),
            new Inventory("a", List.of(new RankThere("job-1", 1, 0))));
    assertThat(outbox.due(now)).isEmpty();
  }

  @Test
  void shouldForgetAnOlderFormation() {
    outbox.accepted("c1/1", now);
    outbox.add(started(1, 0));
    outbox.add(parked(0));
    due();
    outbox.heard(3, now);
    assertThat(outbox.isOut(new RankThere("job-1", 1, 0))).isTrue();
    outbox.add(started(2, 0));

    assertThat(outbox.ranks()).containsExactly(new RankThere("job-1", 2, 0));
    outbox.accepted("c2/2", now);
    assertThat(due())
        .containsExactly(started(2, 0), new Inventory("a", List.of(new RankThere("job-1", 2, 0))));
  }

  @Test
  void shouldKeepTheWordsOfSurvivorsOfAnOrderThatIsRefused() {
    outbox.accepted("c1/1", now);
    outbox.add(started(1, 0));
    outbox.add(started(1, 1));
    outbox.add(started(1, 2));
    outbox.add(parked(0));
    outbox.add(exited(1));
    RanksRefused refused = new RanksRefused("a", "job-1", 2, "lacks data");
    outbox.add(refused);
    outbox.add(exited(2));
    outbox.heard(due().size(), now);

    RankThere survivor = new RankThere("job-1", 1, 0);
    assertThat(outbox.isOut(survivor)).as("no lease need stop it").isTrue();
    outbox.accepted("c2/2", now);
    assertThat(due())
        .containsExactly(
            started(1, 0),
            started(1, 2),
            parked(0),
            refused,
            exited(2),
            new Inventory("a", List.of(survivor)));

    outbox.add(new RanksRefused("a", "job-1", 3, "lacks data"));
    outbox.heard(20, now);
    outbox.accepted("c3/3", now);
    assertThat(due()).as("of refusals the newest").contains(parked(0)).doesNotContain(refused);
  }

  @Test
  void shouldForgetAnOlderFormationThoughItsOwnWasRefusedBefore() {
    outbox.accepted("c1/1", now);
    outbox.add(started(1, 0));
    outbox.add(parked(0));
    outbox.add(new RanksRefused("a", "job-1", 2, "lacks data"));
    outbox.add(started(2, 0));
    assertThat(outbox.ranks()).containsExactly(new RankThere("job-1", 2, 0));
    assertThat(outbox.isOut(new RankThere("job-1", 1, 0))).isFalse();
  }

  @Test
  void shouldTellOfTheShardsOfSeveralCheckpointsThoughNotOfAll() {
    outbox.accepted("c1/1", now);
    outbox.add(started(1, 0));
    List<AgentToCoordinator> shards = new ArrayList<>();
    for (int i = 0; i <= Outbox.MOST_SHARDS; i++) {
      shards.add(new FromRank("a", "job-1", 1, 0, new RankReport.ShardWritten(100L * i)));
      outbox.add(shards.get(i));
    }
    outbox.heard(due().size(), now);
    outbox.accepted("c2/2", now);

    assertThat(due()).containsAll(shards.subList(1, shards.size())).doesNotContain(shards.get(0));
  }

  @Test
  void shouldKeepOnlySoMuchAndRatherEventsThanProgress() {
    outbox.add(started(1, 0));
    for (int i = 0; i < Outbox.MOST + 100; i++) {
      outbox.add(committed(i));
    }
    assertThat(outbox.size()).isEqualTo(Outbox.MOST);
    outbox.accepted("c1/1", now);
    assertThat(due()).startsWith(started(1, 0));
  }

  @Test
  void shouldSendAllInTheEndHoweverManyThereAre() {
    for (int i = 1; i <= 1000; i++) {
      outbox.add(committed(i));
    }
    outbox.accepted("c1/1", now);
    List<AgentToCoordinator> said = new ArrayList<>();
    for (List<Said> some = outbox.due(now); !some.isEmpty(); some = outbox.due(now)) {
      some.forEach(s -> said.add(s.message()));
      outbox.heard(some.get(some.size() - 1).number(), now);
    }
    assertThat(said).hasSize(1001);
    assertThat(outbox.unheard()).isZero();
  }
}
