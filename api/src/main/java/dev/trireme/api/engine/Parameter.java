package dev.trireme.api.engine;

import dev.trireme.api.tensor.NamedTensor;

/**
 * A trainable tensor of a replica.
 *
 * @param index its place in {@link Replica#parameters()}
 * @param tensor its name, shape and current values
 */
public record Parameter(int index, NamedTensor tensor) {}
