/**
 * What a coordinator keeps for the one that comes after it: every job on its own disk; a change
 * counts only once a majority of the coordinators has it.
 */
package dev.trireme.coordinator.store;
