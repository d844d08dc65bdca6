package dev.trireme.coordinator.akka;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.PostStop;
import akka.actor.typed.PreRestart;
import akka.actor.typed.SupervisorStrategy;
import akka.actor.typed.javadsl.AbstractBehavior;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.Receive;
import akka.actor.typed.javadsl.TimerScheduler;
import dev.trireme.coordinator.CoordinatorException;
import dev.trireme.coordinator.NotActiveException;
import dev.trireme.coordinator.control.JobControl;
import dev.trireme.protocol.AgentToCoordinator;
import dev.trireme.protocol.AgentToCoordinator.RegisterAgent;
import dev.trireme.protocol.CoordinatorToAgent;
import dev.trireme.protocol.akka.CoordinatorInbox;
import dev.trireme.protocol.akka.ToCoordinator;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * The active coordinator's actor: gives {@link JobControl} a thread, a timer, and agents'
 * addresses, and tells it when an agent is lost. Decides nothing.
 */
final class CoordinatorActor extends AbstractBehavior<CoordinatorInbox> {
  /** Some wait may be over. */
  private enum Wake implements CoordinatorInbox {
    WAKE
  }

  /** An agent's actor has ended, or its host was removed from the cluster. */
  private record AgentGone(String agentId, ActorRef<CoordinatorToAgent> address)
      implements CoordinatorInbox {}

  private static final Duration FIRST_PAUSE = Duration.ofSeconds(1);
  private static final Duration LONGEST_PAUSE = Duration.ofSeconds(5);

  private final TimerScheduler<CoordinatorInbox> timers;
  private final Map<String, ActorRef<CoordinatorToAgent>> addresses = new HashMap<>();
  private final AtomicBoolean active;
  private final boolean several;
  private final Consumer<Throwable> failed;
  private final JobControl control;

  private CoordinatorActor(
      ActorContext<CoordinatorInbox> context,
      TimerScheduler<CoordinatorInbox> timers,
      AtomicBoolean active,
      boolean several,
      Function<BiConsumer<String, CoordinatorToAgent>, JobControl> takeOver,
      Consumer<Throwable> failed) {
    super(context);
    this.timers = timers;
    this.active = active;
    this.several = several;
    this.failed = failed;
    this.control = takeOver.apply(this::send);
    active.set(true);
    wakeInTime();
  }

  /**
   * The behaviour. Where it is one of several and cannot take over, as without a majority of them,
   * it tries again; where it is the only one, whoever waits for it is told that it has failed.
   *
   * @param active true while it is the one that is active
   * @param several whether there are other coordinators
   * @param takeOver makes the control, given the way to the agents; may block
   * @param failed told why when the actor ends of itself, which nothing but a fault makes it do
   */
  static Behavior<CoordinatorInbox> create(
      AtomicBoolean active,
      boolean several,
      Function<BiConsumer<String, CoordinatorToAgent>, JobControl> takeOver,
      Consumer<Throwable> failed) {
    Behavior<CoordinatorInbox> coordinator =
        Behaviors.setup(
            context ->
                Behaviors.withTimers(
                    timers -> {
                      try {
                        return new CoordinatorActor(
                            context, timers, active, several, takeOver, failed);
                      } catch (RuntimeException | Error e) {
                        if (!isTriedAgain(e, several)) {
                          failed.accept(e);
                        }
                        throw e;
                      }
                    }));
    return several
        ? Behaviors.supervise(coordinator)
            .onFailure(
                CoordinatorException.class,
                SupervisorStrategy.restartWithBackoff(FIRST_PAUSE, LONGEST_PAUSE, 0.1))
        : coordinator;
  }

  /** Whether the actor takes over anew after a failure, and so has not ended. */
  private static boolean isTriedAgain(Throwable failure, boolean several) {
    return several && failure instanceof CoordinatorException;
  }

  @Override
  public Receive<CoordinatorInbox> createReceive() {
    return newReceiveBuilder()
        .onMessage(ToCoordinator.class, m -> then(() -> onAgent(m.message(), m.agent())))
        .onMessage(AgentGone.class, m -> then(() -> onGone(m)))
        .onMessage(Request.class, m -> then(() -> m.serve(control)))
        .onMessageEquals(Wake.WAKE, () -> then(control::onTime))
        .onSignal(
            PostStop.class,
            signal -> {
              ended();
              failed.accept(
                  several
                      ? new CoordinatorException("it is not the active one any more")
                      : new IllegalStateException("its actor was stopped"));
              return this;
            })
        .onSignal(PreRestart.class, signal -> ended())
        .build();
  }

  private Behavior<CoordinatorInbox> ended() {
    active.set(false);
    // Listeners of jobs that have not ended are told that nothing more will come.
    control.close();
    return this;
  }

  private Behavior<CoordinatorInbox> then(Runnable action) {
    try {
      action.run();
      wakeInTime();
      return this;
    } catch (RuntimeException | Error e) {
      if (!isTriedAgain(e, several)) {
        failed.accept(e);
      }
      throw e;
    }
  }

  private void wakeInTime() {
    control
        .nextDeadline()
        .ifPresentOrElse(
            wait -> timers.startSingleTimer(Wake.WAKE, wait), () -> timers.cancel(Wake.WAKE));
  }

  private void onAgent(AgentToCoordinator message, ActorRef<CoordinatorToAgent> address) {
    if (message instanceof RegisterAgent registration) {
      String id = registration.agentId();
      ActorRef<CoordinatorToAgent> before = addresses.put(id, address);
      if (!address.equals(before)) {
        if (before != null) {
          getContext().getLog().warn("agent {} is another member now", id);
          if (registration.incarnation().isEmpty()) {
            // Whoever does not say which run of the agent it is, is another.
            control.onAgentLost(id);
          }
        }
        getContext().watchWith(address, new AgentGone(id, address));
      }
      try {
        address.tell(control.onRegistration(registration));
      } catch (NotActiveException e) {
        throw e;
      } catch (CoordinatorException e) {
        // It tries again, and nobody else is to suffer for it.
        getContext().getLog().warn("agent {} is not accepted: {}", id, e.getMessage());
      }
    } else if (addresses.containsKey(message.agentId())) {
      control.onMessage(message);
    } else {
      // It was given up, or this coordinator is new; it registers again before long, and then says
      // what nobody has recorded once more.
      getContext().getLog().debug("agent {} speaks and is not registered", message.agentId());
    }
  }

  private void onGone(AgentGone gone) {
    if (addresses.remove(gone.agentId(), gone.address())) {
      getContext().getLog().info("agent {} is gone", gone.agentId());
      control.onAgentGone(gone.agentId());
    }
  }

  private void send(String agentId, CoordinatorToAgent command) {
    ActorRef<CoordinatorToAgent> address = addresses.get(agentId);
    if (address != null) {
      address.tell(command);
    }
  }
}
