/**
 * A training loop and a model of one's own, complete, as a project outside Trireme would write
 * them. They use the public training API and the engine's two model interfaces, nothing else.
 */
package dev.trireme.examples;
