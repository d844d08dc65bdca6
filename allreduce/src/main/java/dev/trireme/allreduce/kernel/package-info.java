/**
 * The arithmetic of reductions on raw memory: one kernel for each dtype and operation. Kernels work
 * in blocks that stay in a core's cache and never allocate.
 */
package dev.trireme.allreduce.kernel;
