/**
 * A cluster for one job, made over ssh: the coordinator in this process, an agent on each host that
 * is named. It begins what is missing there, and leaves nothing behind.
 */
package dev.trireme.launcher.launch;
