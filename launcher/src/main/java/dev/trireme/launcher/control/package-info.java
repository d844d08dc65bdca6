/**
 * The HTTP interfaces and their clients: a coordinator's, for the jobs of a cluster; that of a
 * run's own process, on loopback, which leaves its address and a token in {@code cluster.json} in
 * the run directory, for its user alone; and health.
 */
package dev.trireme.launcher.control;
