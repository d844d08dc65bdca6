package dev.trireme.protocol.akka;

/**
 * What the coordinator's actor receives: {@link ToCoordinator} from agents, and what the
 * coordinator's own code sends itself, which never leaves its process.
 */
public interface CoordinatorInbox {}
