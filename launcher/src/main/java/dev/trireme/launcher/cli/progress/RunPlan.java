package dev.trireme.launcher.cli.progress;

/**
 * What a job is to do.
 *
 * @param totalSteps of the whole job, at least 1
 * @param epochs of the whole job, at least 1
 */
public record RunPlan(long totalSteps, int epochs) {}
