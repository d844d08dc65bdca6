/** The commands that make, run and show a cluster, and how a command finds the one it speaks to. */
package dev.trireme.launcher.cli.cluster;
