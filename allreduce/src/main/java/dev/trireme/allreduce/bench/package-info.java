/**
 * Measures all-reduces between rank processes, with the columns of nccl-tests. The processes are
 * real: each rank is a JVM of its own under a media driver in the measuring process.
 */
package dev.trireme.allreduce.bench;
