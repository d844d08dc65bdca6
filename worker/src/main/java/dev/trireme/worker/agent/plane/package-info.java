/**
 * What an agent keeps while coordinators come and go: what it has to say to them, and the lease
 * under which its ranks work. Pure: no actor, no clock, no thread.
 */
package dev.trireme.worker.agent.plane;
