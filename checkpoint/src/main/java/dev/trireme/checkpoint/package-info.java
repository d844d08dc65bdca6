/**
 * Writes and reads the checkpoints of a job: every rank snapshots and writes its part while
 * training goes on, rank 0 commits with the coordinator's grant, and a reader takes the newest
 * whole one whatever the number of ranks. What to keep and what to load are pure decisions with a
 * reason ({@link dev.trireme.checkpoint.Retention}, {@link dev.trireme.checkpoint.Selection});
 * everything that touches a disk goes through {@link
 * dev.trireme.checkpoint.storage.CheckpointStorage}.
 */
package dev.trireme.checkpoint;
