package dev.trireme.worker.agent;

import dev.trireme.protocol.AgentToCoordinator;
import dev.trireme.protocol.AgentToCoordinator.RegisterAgent;
import dev.trireme.protocol.CoordinatorToAgent;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * How an agent speaks with the coordinator. The adapter of the control plane in use implements it;
 * so does a test.
 *
 * <p>Threading: any. Nothing blocks but {@link #start} and {@link #close}.
 */
public interface CoordinatorLink extends AutoCloseable {
  /**
   * Starts registering with the active coordinator, again and again until it accepts, and anew
   * whenever another one takes over. Called once. Does not wait for the coordinator.
   *
   * @param registration what to say of the agent, asked for anew each time
   * @param commands called for each command, from any thread; does not block
   * @throws IllegalArgumentException when it cannot listen where it is told to
   */
  void start(Supplier<RegisterAgent> registration, Consumer<CoordinatorToAgent> commands);

  /** Sends a message on its way; it may be lost when no coordinator is reachable for long. */
  void send(AgentToCoordinator message);

  /** Leaves the control plane, within a few seconds. */
  @Override
  void close();
}
