/**
 * The channel between an agent and one of its ranks: a pair of Aeron IPC streams through the
 * agent's media driver, every frame of which carries the process's secret. It moves the messages of
 * {@code protocol} and decides nothing.
 */
package dev.trireme.worker.channel;
