/**
 * A coordinator and an agent as services of their own, and what a cluster is entered with. Both are
 * the same parts that {@code launcher.embedded} puts into one process.
 */
package dev.trireme.launcher.cluster;
