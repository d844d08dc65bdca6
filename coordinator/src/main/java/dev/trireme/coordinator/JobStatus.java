package dev.trireme.coordinator;

import dev.trireme.protocol.JobState;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Optional;

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
 * @param wantedWorkers how many somebody has asked for since; empty while nobody has
 * @param wantedServers the same of servers
 * @param runDirectory where the run leaves its files
 * @param progress the newest that its ranks have reported; empty before their first step, for a
 *     second or two after another coordinator took over, and once it has ended
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
    Optional<Integer> wantedWorkers,
    Optional<Integer> wantedServers,
    Path runDirectory,
    Optional<JobEvent.Progress> progress) {}
