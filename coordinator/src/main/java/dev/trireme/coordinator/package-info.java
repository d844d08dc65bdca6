/**
 * The process that decides: it takes jobs, places their ranks on agents, follows them to their end
 * and keeps what must outlive it. {@link dev.trireme.coordinator.CoordinatorNode} starts one,
 * {@link dev.trireme.coordinator.JobService} is what it offers.
 */
package dev.trireme.coordinator;
