package dev.trireme.protocol.akka;

import akka.actor.typed.ActorRef;
import dev.trireme.protocol.AgentToCoordinator;
import dev.trireme.protocol.CoordinatorToAgent;

/**
 * An agent's message with the agent's own address, which a message itself cannot hold: ranks know
 * no actors.
 *
 * @param message what the agent says
 * @param agent where commands to it go
 */
public record ToCoordinator(AgentToCoordinator message, ActorRef<CoordinatorToAgent> agent)
    implements CoordinatorInbox {}
