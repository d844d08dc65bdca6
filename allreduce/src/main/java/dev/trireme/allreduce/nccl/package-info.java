/**
 * The process group over NCCL, for ranks with a CUDA device each. One thread of the group's own,
 * the {@link dev.trireme.allreduce.nccl.NcclRunner}, makes every call of NCCL, so that whoever
 * starts, awaits or aborts an operation never waits inside the library: waiters have deadlines of
 * their own, an abort wakes them at once, and NCCL is torn down behind their backs.
 *
 * <p>Classes of this package and of {@code cuda} reach the CUDA libraries when first used: a
 * process without a device must not touch them.
 */
package dev.trireme.allreduce.nccl;
