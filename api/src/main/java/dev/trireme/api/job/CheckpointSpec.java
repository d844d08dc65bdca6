package dev.trireme.api.job;

import java.util.Optional;

/**
 * When state is saved, and where a run starts from.
 *
 * @param everySteps steps between two checkpoints; none are written without it
 * @param keep how many of the newest are kept
 * @param path where they are written; {@code checkpoints} in the run directory when absent
 * @param resumeFrom a directory of checkpoints, or one {@code step-*}
 */
public record CheckpointSpec(
    @Key(value = "Steps between two checkpoints; without it none are written.", min = 1)
        Optional<Long> everySteps,
    @Key(value = "How many of the newest are kept.", defaultValue = "3", min = 1, max = 10000)
        int keep,
    @Key("Where they are written; 'checkpoints' in the run directory when absent.")
        Optional<String> path,
    @Key("Where the run starts from: a checkpoints directory or one step-*.")
        Optional<String> resumeFrom) {}
