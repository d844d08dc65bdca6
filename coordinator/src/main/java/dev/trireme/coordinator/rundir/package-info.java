/** The files that a run leaves: what people and scripts read once the processes are gone. */
package dev.trireme.coordinator.rundir;
