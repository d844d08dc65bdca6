/**
 * Collectives on CPU between the rank processes of one host or several, and the gradient exchange
 * in buckets. The one place that moves bytes between ranks: Aeron carries the signals, memory that
 * the ranks share carries the data.
 */
package dev.trireme.allreduce;
