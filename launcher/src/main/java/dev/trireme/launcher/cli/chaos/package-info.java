/**
 * {@code trireme chaos}: harms a running job on purpose, so that its user can see what it survives.
 * When and whom is a pure function of a seed ({@link dev.trireme.launcher.cli.chaos.ChaosPlan});
 * only processes that are shown to be that job's are touched.
 */
package dev.trireme.launcher.cli.chaos;
