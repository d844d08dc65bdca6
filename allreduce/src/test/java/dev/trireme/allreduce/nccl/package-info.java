/** The NCCL group on stand-ins for NCCL and CUDA, which are in {@code src/test/c}. */
package dev.trireme.allreduce.nccl;
