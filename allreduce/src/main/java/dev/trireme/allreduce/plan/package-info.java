/**
 * Collective algorithms as data: pure functions from (rank, world size, count) to the list of steps
 * that the rank takes. Nothing here moves a byte, so that every algorithm can be read, drawn and
 * proved without a transport.
 */
package dev.trireme.allreduce.plan;
