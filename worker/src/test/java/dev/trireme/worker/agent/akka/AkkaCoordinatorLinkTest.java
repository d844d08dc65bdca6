package dev.trireme.worker.agent.akka;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import akka.actor.typed.ActorSystem;
import akka.actor.typed.Behavior;
import akka.actor.typed.Props;
import akka.actor.typed.javadsl.Behaviors;
import akka.cluster.Member;
import akka.cluster.typed.Cluster;
import akka.cluster.typed.Down;
import akka.cluster.typed.Join;
import dev.trireme.protocol.AgentToCoordinator;
import dev.trireme.protocol.AgentToCoordinator.FromRank;
import dev.trireme.protocol.AgentToCoordinator.RegisterAgent;
import dev.trireme.protocol.AgentToCoordinator.Said;
import dev.trireme.protocol.CoordinatorToAgent;
import dev.trireme.protocol.CoordinatorToAgent.AgentAccepted;
import dev.trireme.protocol.RankReport;
import dev.trireme.protocol.Stamp;
import dev.trireme.protocol.akka.ControlPlane;
import dev.trireme.protocol.akka.CoordinatorInbox;
import dev.trireme.protocol.akka.ToCoordinator;
import java.util.List;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Two actor systems that speak over TCP, as in the embedded cluster. */
class AkkaCoordinatorLinkTest {
  private static final RegisterAgent REGISTRATION =
      new RegisterAgent("agent-a", "localhost", 2, 2, 0, 0);

  private final LinkedBlockingQueue<AgentToCoordinator> heard = new LinkedBlockingQueue<>();
  private final LinkedBlockingQueue<ToCoordinator> all = new LinkedBlockingQueue<>();
  private final LinkedBlockingQueue<CoordinatorToAgent> obeyed = new LinkedBlockingQueue<>();
  private ActorSystem<Void> coordinator;

  @BeforeEach
  void startCoordinator() {
    coordinator =
        ActorSystem.create(
            Behaviors.empty(),
            ControlPlane.SYSTEM,
            ControlPlane.settings(ControlPlane.COORDINATOR_ROLE, "127.0.0.1", 0));
    Cluster cluster = Cluster.get(coordinator);
    cluster.manager().tell(new Join(cluster.selfMember().address()));
    ControlPlane.run(coordinator, acceptEveryone(), Props.empty());
  }

  @AfterEach
  void stopCoordinator() throws Exception {
    coordinator.terminate();
    coordinator.getWhenTerminated().toCompletableFuture().get(15, TimeUnit.SECONDS);
  }

  private Behavior<CoordinatorInbox> acceptEveryone() {
    return Behaviors.receive(CoordinatorInbox.class)
        .onMessage(
            ToCoordinator.class,
            m -> {
              heard.add(m.message());
              all.add(m);
              m.agent().tell(new AgentAccepted(new Stamp(1, 0), "coordinator-1"));
              return Behaviors.same();
            })
        .build();
  }

  private String seed() {
    return "127.0.0.1:" + Cluster.get(coordinator).selfMember().address().port().get();
  }

  @Test
  void shouldRegisterRelayAndLeave() throws Exception {
    try (AkkaCoordinatorLink link = new AkkaCoordinatorLink("127.0.0.1", List.of(seed()))) {
      link.start(() -> REGISTRATION, obeyed::add);
      AgentToCoordinator first = heard.poll(20, TimeUnit.SECONDS);
      assertThat(((RegisterAgent) first).sent("", 0)).isEqualTo(REGISTRATION);
      assertThat(obeyed.poll(20, TimeUnit.SECONDS)).isInstanceOf(AgentAccepted.class);

      FromRank report = new FromRank("agent-a", "job-1", 1, 0, new RankReport.ShardWritten(3));
      link.send(report);
      AgentToCoordinator next = heard.poll(20, TimeUnit.SECONDS);
      while (!(next instanceof Said said) || !said.message().equals(report)) {
        assertThat(next).as("the report").isNotNull();
        next = heard.poll(20, TimeUnit.SECONDS);
      }
    }
  }

  @Test
  void shouldJoinAgainWhenItWasGivenUpAndSayAllOnceMore() throws Exception {
    try (AkkaCoordinatorLink link = new AkkaCoordinatorLink("127.0.0.1", List.of(seed()))) {
      link.start(() -> REGISTRATION, obeyed::add);
      ToCoordinator first = all.poll(20, TimeUnit.SECONDS);
      Cluster cluster = Cluster.get(coordinator);
      for (Member member : cluster.state().getMembers()) {
        if (member.hasRole(ControlPlane.AGENT_ROLE)) {
          cluster.manager().tell(new Down(member.address()));
        }
      }
      FromRank report = new FromRank("agent-a", "job-1", 1, 0, new RankReport.ShardWritten(3));
      link.send(report);

      ToCoordinator next = all.poll(20, TimeUnit.SECONDS);
      while (next != null
          && (next.agent().equals(first.agent())
              || !(next.message() instanceof Said said && said.message().equals(report)))) {
        next = all.poll(20, TimeUnit.SECONDS);
      }
      assertThat(next).as("the report, from another member").isNotNull();
      assertThat(((Said) next.message()).incarnation())
          .as("the same run of the agent")
          .isEqualTo(((RegisterAgent) first.message()).incarnation());
    }
  }

  @Test
  void shouldCloseThoughNoCoordinatorWasEverThere() {
    AkkaCoordinatorLink link = new AkkaCoordinatorLink("127.0.0.1", List.of("127.0.0.1:1"));
    link.start(() -> REGISTRATION, obeyed::add);
    link.close();
    assertThat(obeyed).isEmpty();
  }

  /** It looks like one of loopback, and is none. */
  @Test
  void shouldSayThatItCannotListenThere() {
    try (AkkaCoordinatorLink link = new AkkaCoordinatorLink("127.0.0.999", List.of(seed()))) {
      assertThatThrownBy(() -> link.start(() -> REGISTRATION, obeyed::add))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("expected an address of this host to listen on, found 127.0.0.999");
    }
  }
}
