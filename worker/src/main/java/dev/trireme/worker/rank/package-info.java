/**
 * The rank's end of the control plane: its link to its agent, and the ports of the training loop
 * that speak over it. It knows neither Akka nor Hazelcast, and nothing here blocks a training step.
 */
package dev.trireme.worker.rank;
