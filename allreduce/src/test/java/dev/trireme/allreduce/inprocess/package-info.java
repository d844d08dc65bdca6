/**
 * Process groups whose ranks are threads of one JVM, for tests: the sequencer and the algorithms
 * are the real ones, only signals and memory are plain Java and plain native memory.
 */
package dev.trireme.allreduce.inprocess;
