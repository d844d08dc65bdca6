package dev.trireme.coordinator;

import dev.trireme.protocol.JobState;
import java.nio.file.Path;
import java.time.Instant;

/**
 * How a job stands.
 *
 * @param jobId given when it was accepted
 * @param name from the job spec
 * @param state where it is in its life
 * @param reason why it is there: what it waits for, why it failed
 * @param user whose it is
 * @param priority more goes first
 * @param submitted when it was accepted
 * @param generation of its newest formation, 0 before the first
 * @param worldSize of its newest formation, 0 before the first
 * @param runDirectory where the run leaves its files
 */
public record JobStatus(
    String jobId,
    String name,
    JobState state,
    String reason,
    String user,
    int priority,
    Instant submitted,
    long generation,
    int worldSize,
    Path runDirectory) {}
