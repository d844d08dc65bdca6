/**
 * The engine on libtorch: replicas built from a list of layers, from a TorchScript file or from a
 * user's class, computing on the host's processors or on a CUDA device. It is the only place that
 * knows libtorch; what leaves it are addresses, shapes and names.
 */
package dev.trireme.engine;
