/**
 * Collectives between the rank processes of one host or several, and the gradient exchange in
 * buckets. The one place that moves bytes between ranks: between CPUs Aeron carries the signals,
 * and the data lies in memory that the ranks of a host share, or goes over TCP between hosts;
 * between CUDA devices NCCL carries the data.
 */
package dev.trireme.allreduce;
