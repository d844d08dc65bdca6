/**
 * Saving and restoring training state: the ports that the loop sees, and the gate through which the
 * coordinator lets one checkpoint of one generation be committed.
 */
package dev.trireme.api.checkpoint;
