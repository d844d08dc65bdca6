package dev.trireme.protocol.akka;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import akka.actor.ExtendedActorSystem;
import akka.actor.typed.ActorRef;
import akka.actor.typed.ActorSystem;
import akka.actor.typed.Behavior;
import akka.actor.typed.Props;
import akka.actor.typed.javadsl.Adapter;
import akka.actor.typed.javadsl.Behaviors;
import akka.cluster.typed.Cluster;
import akka.cluster.typed.Join;
import dev.trireme.protocol.AgentToCoordinator.RegisterAgent;
import dev.trireme.protocol.CoordinatorToAgent;
import dev.trireme.protocol.CoordinatorToAgent.AgentAccepted;
import dev.trireme.protocol.CoordinatorToAgent.EndRanks;
import dev.trireme.protocol.MessageCodec;
import dev.trireme.protocol.Stamp;
import java.io.NotSerializableException;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** A coordinator and an agent in actor systems of their own, over TCP on loopback. */
class ControlPlaneTest {
  private static final RegisterAgent REGISTRATION = new RegisterAgent("a", "host", 2, 2, 0, 0);

  private static ActorSystem<Void> coordinator;
  private static ActorSystem<CoordinatorToAgent> agent;
  private static final CompletableFuture<CoordinatorToAgent> ANSWER = new CompletableFuture<>();
  private static ActorRef<CoordinatorInbox> fromAgentsSide;

  @BeforeAll
  static void startBoth() {
    coordinator = start(Behaviors.empty(), ControlPlane.COORDINATOR_ROLE);
    Cluster cluster = Cluster.get(coordinator);
    cluster.manager().tell(Join.create(cluster.selfMember().address()));
    ControlPlane.run(coordinator, accepting(), Props.empty());

    Behavior<CoordinatorToAgent> receiver =
        Behaviors.receiveMessage(
            message -> {
              ANSWER.complete(message);
              return Behaviors.same();
            });
    agent = start(receiver, ControlPlane.AGENT_ROLE);
    fromAgentsSide = ControlPlane.coordinator(agent);
    Cluster.get(agent).manager().tell(Join.create(cluster.selfMember().address()));
  }

  @AfterAll
  static void stopBoth() throws Exception {
    for (ActorSystem<?> system : Arrays.asList(agent, coordinator)) {
      system.terminate();
      system.getWhenTerminated().toCompletableFuture().get(20, TimeUnit.SECONDS);
    }
  }

  private static <T> ActorSystem<T> start(Behavior<T> guardian, String role) {
    return ActorSystem.create(
        guardian, ControlPlane.SYSTEM, ControlPlane.settings(role, "127.0.0.1", 0));
  }

  private static Behavior<CoordinatorInbox> accepting() {
    return Behaviors.receive(CoordinatorInbox.class)
        .onMessage(
            ToCoordinator.class,
            m -> {
              m.agent().tell(new AgentAccepted(new Stamp(1, 0), m.message().agentId()));
              return Behaviors.same();
            })
        .build();
  }

  @Test
  void shouldCarryARegistrationAndItsAnswerBetweenTwoSystems() throws Exception {
    fromAgentsSide.tell(new ToCoordinator(REGISTRATION, agent));

    assertThat(ANSWER.get(20, TimeUnit.SECONDS)).isEqualTo(new AgentAccepted(new Stamp(1, 0), "a"));
  }

  @Test
  void shouldBringBackTheEnvelopeWithItsAddress() throws Exception {
    MessageSerializer serializer = serializer();
    ToCoordinator envelope = new ToCoordinator(REGISTRATION, agent);

    Object back =
        serializer.fromBinary(serializer.toBinary(envelope), serializer.manifest(envelope));

    assertThat(back)
        .isInstanceOfSatisfying(
            ToCoordinator.class,
            e -> {
              assertThat(e.message()).isEqualTo(REGISTRATION);
              assertThat(e.agent().path().name()).isEqualTo(agent.path().name());
            });
  }

  @Test
  void shouldSayWhichRegistryVersionTheOtherSideHas() {
    MessageSerializer serializer = serializer();
    EndRanks message = new EndRanks(new Stamp(1, 1), "job-1", 0, "over");
    String manifest = serializer.manifest(message);

    assertThat(manifest).isEqualTo(MessageCodec.REGISTRY_VERSION + ":EndRanks");
    assertThatThrownBy(() -> serializer.fromBinary(serializer.toBinary(message), "9:EndRanks"))
        .isInstanceOf(NotSerializableException.class)
        .hasMessageContaining("found '9:EndRanks'; run the same version");
  }

  @Test
  void shouldRefuseAnEnvelopeThatIsNone() {
    MessageSerializer serializer = serializer();
    String manifest = serializer.manifest(new ToCoordinator(REGISTRATION, agent));
    byte[] good = serializer.toBinary(new ToCoordinator(REGISTRATION, agent));
    byte[] noAddress = good.clone();
    Arrays.fill(noAddress, 2, 12, (byte) ' ');

    for (byte[] bytes :
        new byte[][] {
          {}, {0}, {-1, -1}, {0x7f, 0, 1}, {0, 0}, noAddress, Arrays.copyOf(good, 60)
        }) {
      assertThatThrownBy(() -> serializer.fromBinary(bytes, manifest))
          .isInstanceOf(NotSerializableException.class);
    }
  }

  private static MessageSerializer serializer() {
    return new MessageSerializer((ExtendedActorSystem) Adapter.toClassic(agent));
  }
}
