/**
 * The CUDA runtime, as far as the exchange needs it: memory, streams, events. Its classes reach the
 * CUDA libraries when they are first used and never before: a process without a device must not
 * touch this package.
 */
package dev.trireme.allreduce.cuda;
