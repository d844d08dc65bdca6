package dev.trireme.api.train;

import dev.trireme.api.data.Batch;

/**
 * A piece of a rank's batch that goes through forward and backward by itself; the gradients of all
 * of them are added up.
 *
 * @param index from 0
 * @param count of the batch's parts, at least 1
 * @param batch its items; may be none
 * @param seed of everything drawn at random in its forward
 */
public record BatchPart(int index, int count, Batch batch, long seed) {}
