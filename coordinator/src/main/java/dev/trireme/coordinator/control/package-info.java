/**
 * The coordinator without its actor: it knows the agents and the jobs, and lets each job's life and
 * the scheduler decide. Plain Java on one thread, so that tests need no cluster.
 */
package dev.trireme.coordinator.control;
