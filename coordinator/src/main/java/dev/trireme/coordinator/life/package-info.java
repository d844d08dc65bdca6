/**
 * The life of one job, from its formation to its result, without actors or threads: what comes in
 * are the words of agents and ranks and the passing of time, what goes out are {@link
 * dev.trireme.coordinator.life.JobEffects}.
 */
package dev.trireme.coordinator.life;
