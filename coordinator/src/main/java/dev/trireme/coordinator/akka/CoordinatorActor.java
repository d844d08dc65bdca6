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
  private final JobControl control;

  private CoordinatorActor(
      ActorContext<CoordinatorInbox> context,
      TimerScheduler<CoordinatorInbox> timers,
      AtomicBoolean active,
      Function<BiConsumer<String, CoordinatorToAgent>, JobControl> takeOver) {
    super(context);
    this.timers = timers;
    this.active = active;
    this.control = takeOver.apply(this::send);
    active.set(true);
    wakeInTime();
  }

  /**
   * The behaviour. Where it cannot take over, as without a majority of coordinators, it tries
   * again.
   *
   * @param active true while it is the one that is active
   * @param takeOver makes the control, given the way to the agents; may block
   */
  static Behavior<CoordinatorInbox> create(
      AtomicBoolean active, Function<BiConsumer<String, CoordinatorToAgent>, JobControl> takeOver) {
    Behavior<CoordinatorInbox> coordinator =
        Behaviors.setup(
            context ->
                Behaviors.withTimers(
                    timers -> new CoordinatorActor(context, timers, active, takeOver)));
    return Behaviors.supervise(coordinator)
        .onFailure(
            CoordinatorException.class,
            SupervisorStrategy.restartWithBackoff(FIRST_PAUSE, LONGEST_PAUSE, 0.1));
  }

  @Override
  public Receive<CoordinatorInbox> createReceive() {
    return newReceiveBuilder()
        .onMessage(ToCoordinator.class, m -> then(() -> onAgent(m.message(), m.agent())))
        .onMessage(AgentGone.class, m -> then(() -> onGone(m)))
        .onMessage(Request.class, m -> then(() -> m.serve(control)))
        .onMessageEquals(Wake.WAKE, () -> then(control::onTime))
        .onSignal(PostStop.class, signal -> ended())
        .onSignal(PreRestart.class, signal -> ended())
        .build();
  }

  private Behavior<CoordinatorInbox> ended() {
    active.set(false);
    control.close();
    return this;
  }

  private Behavior<CoordinatorInbox> then(Runnable action) {
    action.run();
    wakeInTime();
    return this;
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
          getContext().getLog().warn("agent {} is another process now", id);
          control.onAgentLost(id);
        }
        getContext().watchWith(address, new AgentGone(id, address));
      }
      address.tell(control.onRegistration(registration));
    } else if (addresses.containsKey(message.agentId())) {
      control.onMessage(message);
    } else {
      // It was given up, or this coordinator is new; it registers again before long.
      getContext().getLog().warn("agent {} speaks and is not registered", message.agentId());
    }
  }

  private void onGone(AgentGone gone) {
    if (addresses.remove(gone.agentId(), gone.address())) {
      getContext().getLog().info("agent {} is gone", gone.agentId());
      control.onAgentLost(gone.agentId());
    }
  }

  private void send(String agentId, CoordinatorToAgent command) {
    ActorRef<CoordinatorToAgent> address = addresses.get(agentId);
    if (address != null) {
      address.tell(command);
    }
  }
}
