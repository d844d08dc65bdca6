/**
 * Whole runs of the command line on real processes, and the rules that hold over all modules. A run
 * here is what a user would start: {@code ./trireme} in a directory of its own.
 */
package dev.trireme.systemtests;
