/**
 * The training loop of a rank and the context it runs in, written on the public training API alone.
 * It knows no implementation of any port: engine, transport, data and checkpoints are handed in.
 */
package dev.trireme.worker.train;
