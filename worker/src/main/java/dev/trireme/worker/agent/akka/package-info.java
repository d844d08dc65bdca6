/** The agent's way to the coordinator over Akka; the only place in this module that knows Akka. */
package dev.trireme.worker.agent.akka;
