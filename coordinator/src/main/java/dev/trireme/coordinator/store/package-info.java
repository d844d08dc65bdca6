/**
 * What a coordinator keeps for the one that comes after it: in memory between them, and on disk.
 */
package dev.trireme.coordinator.store;
