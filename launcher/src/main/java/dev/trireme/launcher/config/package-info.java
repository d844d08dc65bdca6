/**
 * From a job file and its {@code --set} overrides to the records of {@link dev.trireme.api.job},
 * and from those to a resolved file and a JSON Schema. Everything wrong with a job is found here,
 * before anything starts, and each fault is named with its place, its key and the mend.
 */
package dev.trireme.launcher.config;
