package dev.trireme.worker.agent.akka;

import static org.assertj.core.api.Assertions.assertThat;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.testkit.typed.javadsl.ManualTime;
import akka.actor.testkit.typed.javadsl.TestProbe;
import akka.actor.typed.ActorRef;
import dev.trireme.protocol.AgentToCoordinator.FromRank;
import dev.trireme.protocol.AgentToCoordinator.RegisterAgent;
import dev.trireme.protocol.CoordinatorToAgent;
import dev.trireme.protocol.CoordinatorToAgent.AgentAccepted;
import dev.trireme.protocol.CoordinatorToAgent.EndRanks;
import dev.trireme.protocol.RankReport;
import dev.trireme.protocol.Stamp;
import dev.trireme.protocol.akka.CoordinatorInbox;
import dev.trireme.protocol.akka.ToCoordinator;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class AgentActorTest {
  private static final RegisterAgent REGISTRATION =
      new RegisterAgent("agent-a", "localhost", 2, 2, 0, 0);
  private static final Stamp STAMP = new Stamp(1, 0);

  private final ActorTestKit kit = ActorTestKit.create(ManualTime.config());
  private final ManualTime time = ManualTime.get(kit.system());
  private final TestProbe<CoordinatorInbox> coordinator = kit.createTestProbe();
  private final TestProbe<CoordinatorToAgent> obeyed = kit.createTestProbe();
  private final ActorRef<Object> agent =
      kit.spawn(
          AgentActor.create(coordinator.ref(), () -> REGISTRATION, obeyed.ref()::tell), "agent");

  @AfterEach
  void shutDown() {
    kit.shutdownTestKit();
  }

  private ToCoordinator next() {
    return coordinator.expectMessageClass(ToCoordinator.class);
  }

  @Test
  void shouldRegisterUntilAccepted() {
    assertThat(next().message()).isEqualTo(REGISTRATION);
    time.timePasses(AgentActor.UNTIL_ACCEPTED);
    assertThat(next().message()).isEqualTo(REGISTRATION);
    agent.tell(new AgentAccepted(STAMP, "coordinator-1"));
    obeyed.expectMessageClass(AgentAccepted.class);
    time.expectNoMessageFor(AgentActor.UNTIL_ACCEPTED.multipliedBy(2), coordinator);
  }

  @Test
  void shouldRegisterNowAndThenOnceAccepted() {
    next();
    agent.tell(new AgentAccepted(STAMP, "coordinator-1"));
    obeyed.expectMessageClass(AgentAccepted.class);
    time.timePasses(AgentActor.ONCE_ACCEPTED);
    assertThat(next().message()).isEqualTo(REGISTRATION);
  }

  @Test
  void shouldGiveItsOwnAddress() {
    next().agent().tell(new EndRanks(STAMP, "job-1", 0, "test"));
    assertThat(obeyed.receiveMessage(Duration.ofSeconds(3)))
        .isEqualTo(new EndRanks(STAMP, "job-1", 0, "test"));
  }

  @Test
  void shouldPassOnWhatTheAgentSays() {
    next();
    FromRank message = new FromRank("agent-a", "job-1", 1, 0, new RankReport.ShardWritten(3));
    agent.tell(new AgentActor.Say(message));
    assertThat(next().message()).isEqualTo(message);
  }
}
