/**
 * What an agent does to its own ranks on purpose, so that a job's owner can see what it survives.
 * Whatever lasts is held by a process of its own ({@link dev.trireme.worker.harm.Guard}) that takes
 * it back when its time is over, when the agent says so, and when the agent is no more.
 */
package dev.trireme.worker.harm;
