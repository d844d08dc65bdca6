/**
 * Where checkpoints are kept. The port hides how a place makes one visible all at once: a file
 * system renames a directory, an object store puts the manifest last.
 */
package dev.trireme.checkpoint.storage;
