package dev.trireme.launcher.cli.progress;

/**
 * What lies before a job when its first step begins.
 *
 * @param startStep steps done before, 0 unless resumed
 * @param totalSteps of the whole job, at least 1
 * @param epochs of the whole job, at least 1
 */
public record RunPlan(long startStep, long totalSteps, int epochs) {}
