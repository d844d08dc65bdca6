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
import dev.trireme.protocol.CoordinatorToAgent.Heard;
import dev.trireme.protocol.akka.CoordinatorInbox;
import dev.trireme.protocol.akka.ToCoordinator;
import dev.trireme.worker.agent.plane.Session;
import java.time.Duration;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The agent as the control plane sees it: hands commands to the agent and the agent's words to the
 * coordinator, and registers until it is accepted.
 *
 * <p>A coordinator that takes over does not know its agents: they register with whoever is active,
 * slowly, for as long as they live. Registering twice changes nothing. What is said to whom, and
 * what becomes of ranks whose lease runs out, is {@link Session}'s to decide.
 */
final class AgentActor extends AbstractBehavior<Object> {
  /** Registers at once, then again at this pace until accepted. */
  static final Duration UNTIL_ACCEPTED = Duration.ofMillis(500);

  /** Once accepted: how soon a new coordinator hears of this agent. */
  static final Duration ONCE_ACCEPTED = Duration.ofSeconds(5);

  private static final Logger LOG = LoggerFactory.getLogger(AgentActor.class);

  /** How often what is not answered may be said again. */
  private static final Duration AGAIN = Duration.ofMillis(500);

  private enum Tick {
    REGISTER
  }

  /** To the actor, of the agent. */
  enum Ask {
    /** There is something to say, which the session has. */
    SAY,
    /** The agent leaves. */
    LEAVE
  }

  /** To the actor of an agent that leaves: said once, for nobody will be there to say it again. */
  record LastWord(AgentToCoordinator message) {}

  private final TimerScheduler<Object> timers;
  private final ActorRef<CoordinatorInbox> coordinator;
  private final Supplier<RegisterAgent> registration;
  private final Consumer<CoordinatorToAgent> commands;
  private final LongSupplier nanoClock;
  private final Session session;
  private String accepted = "";

  private AgentActor(
      ActorContext<Object> context,
      TimerScheduler<Object> timers,
      ActorRef<CoordinatorInbox> coordinator,
      Supplier<RegisterAgent> registration,
      Consumer<CoordinatorToAgent> commands,
      Session session,
      LongSupplier nanoClock) {
    super(context);
    this.timers = timers;
    this.coordinator = coordinator;
    this.registration = registration;
    this.commands = commands;
    this.nanoClock = nanoClock;
    this.session = session;
    register();
    timers.startTimerWithFixedDelay(Ask.SAY, AGAIN);
    timers.startTimerWithFixedDelay(Tick.REGISTER, UNTIL_ACCEPTED);
  }

  /**
   * The behaviour; it receives {@link CoordinatorToAgent} from the coordinator and {@link Ask} from
   * the agent.
   *
   * @param session outlives the actor: what was said to one is known to the next
   */
  static Behavior<Object> create(
      ActorRef<CoordinatorInbox> coordinator,
      Supplier<RegisterAgent> registration,
      Consumer<CoordinatorToAgent> commands,
      Session session) {
    return Behaviors.setup(
        context ->
            Behaviors.withTimers(
                timers ->
                    new AgentActor(
                        context,
                        timers,
                        coordinator,
                        registration,
                        commands,
                        session,
                        System::nanoTime)));
  }

  @Override
  public Receive<Object> createReceive() {
    return newReceiveBuilder()
        .onMessage(LastWord.class, this::onLastWord)
        .onMessage(AgentAccepted.class, this::onAccepted)
        .onMessage(Heard.class, this::onHeard)
        .onMessage(CoordinatorToAgent.class, this::onCommand)
        .onMessageEquals(Tick.REGISTER, this::register)
        .onMessageEquals(Ask.SAY, this::sendDue)
        .onMessageEquals(Ask.LEAVE, Behaviors::stopped)
        .build();
  }

  private Behavior<Object> onAccepted(AgentAccepted message) {
    if (!message.coordinatorId().equals(accepted)) {
      accepted = message.coordinatorId();
      LOG.info("accepted by coordinator {}", accepted);
      timers.startTimerWithFixedDelay(Tick.REGISTER, ONCE_ACCEPTED);
    }
    commands.accept(message);
    session.onAccepted(message, nanoClock.getAsLong());
    return sendDue();
  }

  private Behavior<Object> onHeard(Heard message) {
    session.onHeard(message, nanoClock.getAsLong());
    return sendDue();
  }

  private Behavior<Object> onLastWord(LastWord last) {
    send(last.message());
    return this;
  }

  private Behavior<Object> sendDue() {
    session.due(nanoClock.getAsLong()).forEach(this::send);
    return this;
  }

  private Behavior<Object> onCommand(CoordinatorToAgent command) {
    commands.accept(command);
    return this;
  }

  private Behavior<Object> register() {
    send(session.registration(registration.get(), nanoClock.getAsLong()));
    return this;
  }

  private void send(AgentToCoordinator message) {
    coordinator.tell(new ToCoordinator(message, getContext().getSelf().narrow()));
  }
}
