package dev.trireme.worker.agent.akka;

import static org.assertj.core.api.Assertions.assertThat;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.testkit.typed.javadsl.ManualTime;
import akka.actor.testkit.typed.javadsl.TestProbe;
import akka.actor.typed.ActorRef;
import dev.trireme.protocol.AgentToCoordinator;
import dev.trireme.protocol.AgentToCoordinator.FromRank;
import dev.trireme.protocol.AgentToCoordinator.Inventory;
import dev.trireme.protocol.AgentToCoordinator.RegisterAgent;
import dev.trireme.protocol.AgentToCoordinator.Said;
import dev.trireme.protocol.CoordinatorToAgent;
import dev.trireme.protocol.CoordinatorToAgent.AgentAccepted;
import dev.trireme.protocol.CoordinatorToAgent.EndRanks;
import dev.trireme.protocol.CoordinatorToAgent.Heard;
import dev.trireme.protocol.RankReport;
import dev.trireme.protocol.Stamp;
import dev.trireme.protocol.akka.CoordinatorInbox;
import dev.trireme.protocol.akka.ToCoordinator;
import dev.trireme.worker.agent.plane.Session;
import java.time.Duration;
import java.util.List;
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
  private final Session session = new Session("agent-a", "run");
  private final ActorRef<Object> agent =
      kit.spawn(
          AgentActor.create(coordinator.ref(), () -> REGISTRATION, obeyed.ref()::tell, session),
          "agent");

  @AfterEach
  void shutDown() {
    kit.shutdownTestKit();
  }

  private ToCoordinator next() {
    return coordinator.expectMessageClass(ToCoordinator.class);
  }

  private RegisterAgent registered() {
    return ((RegisterAgent) next().message()).sent("", 0);
  }

  private AgentToCoordinator said() {
    return ((Said) next().message()).message();
  }

  @Test
  void shouldRegisterUntilAccepted() {
    assertThat(registered()).isEqualTo(REGISTRATION);
    time.timePasses(AgentActor.UNTIL_ACCEPTED);
    assertThat(registered()).isEqualTo(REGISTRATION);
    agent.tell(new AgentAccepted(STAMP, "coordinator-1"));
    obeyed.expectMessageClass(AgentAccepted.class);
    assertThat(said()).isEqualTo(new Inventory("agent-a", List.of()));
    time.expectNoMessageFor(AgentActor.UNTIL_ACCEPTED.multipliedBy(2), coordinator);
  }

  @Test
  void shouldRegisterNowAndThenOnceAccepted() {
    next();
    agent.tell(new AgentAccepted(STAMP, "coordinator-1"));
    obeyed.expectMessageClass(AgentAccepted.class);
    assertThat(said()).isEqualTo(new Inventory("agent-a", List.of()));
    agent.tell(new Heard(STAMP, 1));
    time.timePasses(AgentActor.ONCE_ACCEPTED);
    assertThat(registered()).isEqualTo(REGISTRATION);
  }

  @Test
  void shouldGiveItsOwnAddress() {
    next().agent().tell(new EndRanks(STAMP, "job-1", 0, "test"));
    assertThat(obeyed.receiveMessage(Duration.ofSeconds(3)))
        .isEqualTo(new EndRanks(STAMP, "job-1", 0, "test"));
  }

  @Test
  void shouldPassOnWhatTheAgentSaysOnceThereIsSomebodyToHearIt() {
    next();
    FromRank message = new FromRank("agent-a", "job-1", 1, 0, new RankReport.ShardWritten(3));
    session.say(message);
    agent.tell(AgentActor.Ask.SAY);
    agent.tell(new AgentAccepted(STAMP, "coordinator-1"));
    assertThat(said()).isEqualTo(message);
    assertThat(said()).isEqualTo(new Inventory("agent-a", List.of()));
  }
}
