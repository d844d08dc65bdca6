/**
 * The process group itself: operations in flight, the sequencer that runs them in order on whatever
 * transport it is given, and the verdicts when they cannot complete.
 */
package dev.trireme.allreduce.group;
