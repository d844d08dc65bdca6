/**
 * Training data as the loop sees it: global batches in an order that depends on (seed, epoch)
 * alone, of which each rank reads its part. Readers and samplers implement these ports elsewhere.
 */
package dev.trireme.api.data;
