package dev.trireme.worker.agent.plane;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.protocol.AgentToCoordinator;
import dev.trireme.protocol.AgentToCoordinator.FromRank;
import dev.trireme.protocol.AgentToCoordinator.LeaseOver;
import dev.trireme.protocol.AgentToCoordinator.RankStarted;
import dev.trireme.protocol.AgentToCoordinator.Said;
import dev.trireme.protocol.AgentToRank;
import dev.trireme.protocol.CoordinatorToAgent;
import dev.trireme.protocol.CoordinatorToAgent.AgentAccepted;
import dev.trireme.protocol.CoordinatorToAgent.EndRanks;
import dev.trireme.protocol.CoordinatorToAgent.TellRanks;
import dev.trireme.protocol.RankReport;
import dev.trireme.protocol.Stamp;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class SessionTest {
  private static final long SECOND = TimeUnit.SECONDS.toNanos(1);
  private static final long LEASE = TimeUnit.SECONDS.toMillis(60);

  private final Session session = new Session("a", "run");
  private long now = Long.MAX_VALUE - 3;

  private void accept(long term, long sentNanos) {
    session.onAccepted(new AgentAccepted(new Stamp(term, 0), "c/" + term, LEASE, sentNanos), now);
  }

  private List<CoordinatorToAgent> after(Duration time) {
    now += time.toNanos();
    return session.onTime(now);
  }

  @Test
  void shouldStopRanksWhoseLeaseIsOverThenCallThemOutThenEndThem() {
    accept(3, now);
    session.say(new RankStarted("a", "job-1", 7, 0, 4000));
    session.say(new RankStarted("a", "job-1", 7, 1, 4001));
    assertThat(after(Duration.ofSeconds(59))).isEmpty();

    Stamp stamp = new Stamp(3, 7);
    assertThat(after(Duration.ofSeconds(1)))
        .singleElement()
        .isInstanceOfSatisfying(
            TellRanks.class,
            tell -> {
              assertThat(tell.ranks()).containsExactly(0, 1);
              assertThat(tell.command()).isInstanceOf(AgentToRank.StopAfterStep.class);
              assertThat(tell.stamp()).isEqualTo(stamp);
            });
    assertThat(session.onTime(now)).isEmpty();
    // One of them has stopped; only the other is to be called out.
    session.say(new FromRank("a", "job-1", 7, 1, new RankReport.Parked(4, true, "", -1)));
    assertThat(after(Lease.STOPPING))
        .singleElement()
        .isInstanceOfSatisfying(
            TellRanks.class,
            tell -> {
              assertThat(tell.ranks()).containsExactly(0);
              assertThat(tell.command()).isInstanceOf(AgentToRank.AbortGeneration.class);
            });
    assertThat(after(Lease.LEAVING))
        .singleElement()
        .isInstanceOfSatisfying(EndRanks.class, end -> assertThat(end.ranks()).containsExactly(0));

    accept(4, now);
    assertThat(session.due(now)).extracting(Said::message).contains(new LeaseOver("a", "job-1", 7));
    assertThat(after(Duration.ofSeconds(59))).isEmpty();
  }

  @Test
  void shouldCountALeaseFromWhenItAsked() {
    accept(1, now - 10 * SECOND);
    session.say(new RankStarted("a", "job-1", 1, 0, 4000));

    assertThat(after(Duration.ofSeconds(49))).isEmpty();
    assertThat(after(Duration.ofSeconds(1))).hasSize(1);
  }

  @Test
  void shouldNotHaveItsLeaseRenewedByATermThatIsOver() {
    accept(2, now);
    session.say(new RankStarted("a", "job-1", 1, 0, 4000));
    assertThat(after(Duration.ofSeconds(50))).isEmpty();
    accept(1, now);

    assertThat(after(Duration.ofSeconds(10))).hasSize(1);
  }

  @Test
  void shouldCatchUpWithStagesThatItWasNotRunFor() {
    accept(1, now);
    session.say(new RankStarted("a", "job-1", 1, 0, 4000));

    assertThat(after(Duration.ofSeconds(100))).hasSize(3).last().isInstanceOf(EndRanks.class);
  }

  @Test
  void shouldGoOnForEverWithoutALease() {
    session.onAccepted(new AgentAccepted(new Stamp(1, 0), "c/1"), now);
    session.say(new RankStarted("a", "job-1", 1, 0, 4000));

    assertThat(after(Duration.ofDays(1))).isEmpty();
  }

  @Test
  void shouldTellEachCoordinatorAll() {
    AgentToCoordinator started = new RankStarted("a", "job-1", 1, 0, 4000);
    accept(1, now);
    session.say(started);
    session.due(now);
    session.onHeard(new CoordinatorToAgent.Heard(new Stamp(1, 0), 2), now);

    accept(2, now);
    assertThat(session.due(now)).extracting(Said::message).startsWith(started);
  }
}
