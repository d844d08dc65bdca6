package dev.trireme.protocol;

/**
 * Anything that crosses a process border on the control plane, or outlives a process in the job
 * store.
 */
public sealed interface Message
    permits CoordinatorToAgent, AgentToCoordinator, AgentToRank, RankReport, Stored, StoreMessage {}
