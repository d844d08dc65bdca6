package dev.trireme.protocol.akka;

import static org.assertj.core.api.Assertions.assertThat;

import akka.actor.typed.ActorSystem;
import akka.actor.typed.Behavior;
import akka.actor.typed.PostStop;
import akka.actor.typed.javadsl.Behaviors;
import akka.cluster.typed.Cluster;
import akka.cluster.typed.Join;
import java.time.Duration;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** An actor system whose end is held up, and one whose end is not. */
class ControlPlaneEndTest {
  private static final Duration SHORT = Duration.ofMillis(300);

  @Test
  void shouldNotWaitForEverForASystemThatDoesNotEnd() throws Exception {
    CountDownLatch end = new CountDownLatch(1);
    ActorSystem<Object> system = start(end);
    CompletionStage<Void> ended = ControlPlane.ended(system, SHORT);
    system.terminate();
    ended.toCompletableFuture().get(20, TimeUnit.SECONDS);
    assertThat(system.getWhenTerminated().toCompletableFuture()).isNotDone();
    end.countDown();
    system.getWhenTerminated().toCompletableFuture().get(20, TimeUnit.SECONDS);
  }

  @Test
  void shouldTellOfTheEndWhereThereIsOne() throws Exception {
    ActorSystem<Object> system = start(new CountDownLatch(0));
    CompletionStage<Void> ended = ControlPlane.ended(system, Duration.ofHours(1));
    assertThat(ended.toCompletableFuture()).isNotDone();
    system.terminate();
    ended.toCompletableFuture().get(20, TimeUnit.SECONDS);
    assertThat(system.getWhenTerminated().toCompletableFuture()).isDone();
  }

  private static ActorSystem<Object> start(CountDownLatch end) {
    Behavior<Object> guardian =
        Behaviors.receive(Object.class)
            .onSignal(
                PostStop.class,
                signal -> {
                  end.await(60, TimeUnit.SECONDS);
                  return Behaviors.same();
                })
            .build();
    ActorSystem<Object> system =
        ActorSystem.create(
            guardian,
            ControlPlane.SYSTEM,
            ControlPlane.settings(ControlPlane.COORDINATOR_ROLE, "127.0.0.1", 0));
    Cluster cluster = Cluster.get(system);
    cluster.manager().tell(Join.create(cluster.selfMember().address()));
    return system;
  }
}
