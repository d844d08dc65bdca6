/**
 * The gradient exchange: gradients of several parameters fused into buckets, each all-reduced as
 * soon as it is full, while backward goes on. It needs a process group and nothing else.
 */
package dev.trireme.allreduce.exchange;
