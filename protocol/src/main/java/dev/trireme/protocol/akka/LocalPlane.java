package dev.trireme.protocol.akka;

import akka.actor.typed.ActorRef;
import akka.actor.typed.ActorSystem;
import akka.actor.typed.Behavior;
import akka.actor.typed.Props;
import akka.actor.typed.javadsl.Behaviors;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The control plane of a coordinator and its agents in one process: the same actors as between
 * hosts in one actor system without a network. It opens no port, so that nobody can speak to them
 * but who is in the process.
 *
 * <p>Threading: any.
 */
public final class LocalPlane implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(LocalPlane.class);
  private static final int END_SECONDS = 6;

  private final ActorSystem<Void> system;
  private final CompletableFuture<ActorRef<CoordinatorInbox>> coordinator =
      new CompletableFuture<>();

  private LocalPlane(ActorSystem<Void> system) {
    this.system = system;
  }

  /** Starts it, in less than a second. */
  public static LocalPlane start() {
    return new LocalPlane(
        ActorSystem.create(
            Behaviors.empty(), ControlPlane.SYSTEM, ControlPlane.settingsWithoutNetwork()));
  }

  /** Runs the coordinator; once. */
  public ActorRef<CoordinatorInbox> run(Behavior<CoordinatorInbox> behavior, Props props) {
    ActorRef<CoordinatorInbox> started = system.systemActorOf(behavior, "coordinator", props);
    coordinator.complete(started);
    return started;
  }

  /** The coordinator, as soon as it runs. */
  public CompletionStage<ActorRef<CoordinatorInbox>> coordinator() {
    return coordinator;
  }

  /**
   * Starts an agent's actor.
   *
   * @param name unlike that of any other agent here
   */
  public ActorRef<Object> join(Behavior<Object> agent, String name) {
    return system.systemActorOf(agent, name, Props.empty());
  }

  /** Ends every actor, within seconds; repeats do nothing. */
  @Override
  public void close() {
    system.terminate();
    try {
      system.getWhenTerminated().toCompletableFuture().get(END_SECONDS, TimeUnit.SECONDS);
    } catch (TimeoutException e) {
      LOG.warn("the control plane has not ended within {} s", END_SECONDS);
    } catch (ExecutionException e) {
      LOG.warn("ending the control plane", e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
