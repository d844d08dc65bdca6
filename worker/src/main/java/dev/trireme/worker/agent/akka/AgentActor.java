package dev.trireme.worker.agent.akka;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.javadsl.AbstractBehavior;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.Receive;
import akka.actor.typed.javadsl.TimerScheduler;
import dev.trireme.protocol.AgentToCoordinator;
import dev.trireme.protocol.AgentToCoordinator.RegisterAgent;
import dev.trireme.protocol.CoordinatorToAgent;
import dev.trireme.protocol.CoordinatorToAgent.AgentAccepted;
import dev.trireme.protocol.akka.CoordinatorInbox;
import dev.trireme.protocol.akka.ToCoordinator;
import java.time.Duration;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The agent as the control plane sees it: hands commands to the agent and the agent's words to the
 * coordinator, and registers until it is accepted.
 *
 * <p>A coordinator that takes over does not know its agents: they register with whoever is active,
 * slowly, for as long as they live. Registering twice changes nothing.
 */
final class AgentActor extends AbstractBehavior<Object> {
  /** Registers at once, then again at this pace until accepted. */
  static final Duration UNTIL_ACCEPTED = Duration.ofMillis(500);

  /** Once accepted: how soon a new coordinator hears of this agent. */
  static final Duration ONCE_ACCEPTED = Duration.ofSeconds(5);

  private static final Logger LOG = LoggerFactory.getLogger(AgentActor.class);

  private enum Tick {
    REGISTER
  }

  /** To the actor of an agent that leaves. */
  enum Leave {
    LEAVE
  }

  /** What the agent says, to be passed on. */
  record Say(AgentToCoordinator message) {}

  private final TimerScheduler<Object> timers;
  private final ActorRef<CoordinatorInbox> coordinator;
  private final Supplier<RegisterAgent> registration;
  private final Consumer<CoordinatorToAgent> commands;
  private String accepted = "";

  private AgentActor(
      ActorContext<Object> context,
      TimerScheduler<Object> timers,
      ActorRef<CoordinatorInbox> coordinator,
      Supplier<RegisterAgent> registration,
      Consumer<CoordinatorToAgent> commands) {
    super(context);
    this.timers = timers;
    this.coordinator = coordinator;
    this.registration = registration;
    this.commands = commands;
    register();
    timers.startTimerWithFixedDelay(Tick.REGISTER, UNTIL_ACCEPTED);
  }

  /**
   * The behaviour; it receives {@link CoordinatorToAgent} from the coordinator and {@link Say} from
   * the agent.
   */
  static Behavior<Object> create(
      ActorRef<CoordinatorInbox> coordinator,
      Supplier<RegisterAgent> registration,
      Consumer<CoordinatorToAgent> commands) {
    return Behaviors.setup(
        context ->
            Behaviors.withTimers(
                timers -> new AgentActor(context, timers, coordinator, registration, commands)));
  }

  @Override
  public Receive<Object> createReceive() {
    return newReceiveBuilder()
        .onMessage(Say.class, say -> say(say.message()))
        .onMessage(AgentAccepted.class, this::onAccepted)
        .onMessage(CoordinatorToAgent.class, this::onCommand)
        .onMessageEquals(Tick.REGISTER, this::register)
        .onMessageEquals(Leave.LEAVE, Behaviors::stopped)
        .build();
  }

  private Behavior<Object> onAccepted(AgentAccepted message) {
    if (!message.coordinatorId().equals(accepted)) {
      accepted = message.coordinatorId();
      LOG.info("accepted by coordinator {}", accepted);
      timers.startTimerWithFixedDelay(Tick.REGISTER, ONCE_ACCEPTED);
    }
    return onCommand(message);
  }

  private Behavior<Object> onCommand(CoordinatorToAgent command) {
    commands.accept(command);
    return this;
  }

  private Behavior<Object> register() {
    return say(registration.get());
  }

  private Behavior<Object> say(AgentToCoordinator message) {
    coordinator.tell(new ToCoordinator(message, getContext().getSelf().narrow()));
    return this;
  }
}
