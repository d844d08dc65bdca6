/** {@code trireme job}: commands for jobs of a cluster, and for runs of this machine. */
package dev.trireme.launcher.cli.job;
