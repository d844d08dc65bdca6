/**
 * The agent: one per host, owner of the host's media driver and parent of its rank processes. It
 * obeys the coordinator's commands, relays between it and the ranks, and says how each process
 * ended; how it reaches the coordinator is an adapter's business.
 */
package dev.trireme.worker.agent;
