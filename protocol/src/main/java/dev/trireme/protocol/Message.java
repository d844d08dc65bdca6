package dev.trireme.protocol;

/** Anything that crosses a process border on the control plane. */
public sealed interface Message
    permits CoordinatorToAgent, AgentToCoordinator, AgentToRank, RankReport {}
