/**
 * Sees every other module and wires them together: command line, job files, the embedded cluster,
 * the main method of a rank. Holds no policy of its own.
 */
package dev.trireme.launcher;
