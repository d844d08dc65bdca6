/**
 * The way from a command to a run that is going on: the run's process serves HTTP on loopback, and
 * leaves its address and a token in {@code cluster.json} in the run directory, for its user alone.
 */
package dev.trireme.launcher.control;
