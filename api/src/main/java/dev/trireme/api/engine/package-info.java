/**
 * The port of a deep-learning engine: one replica of a model with its loss and optimizer, computing
 * on one device. The engine on libtorch implements it; the training loop sees nothing else.
 */
package dev.trireme.api.engine;
