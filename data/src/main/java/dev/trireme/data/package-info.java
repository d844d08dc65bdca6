/**
 * Reads data sets (IDX files, ratings and generated digits) and deals them to the ranks of a job:
 * every item of an epoch exactly once, in an order that depends on (seed, epoch) alone. Batches are
 * prepared on a thread of their own and handed over as native memory.
 */
package dev.trireme.data;
