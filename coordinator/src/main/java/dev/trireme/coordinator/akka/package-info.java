/** The coordinator as an actor, and its actor system; the only package here that knows Akka. */
package dev.trireme.coordinator.akka;
