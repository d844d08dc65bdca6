/**
 * From a job file and its {@code --set} overrides to the records of {@link dev.trireme.api.job},
 * and from those to a resolved file and a JSON Schema. Everything wrong with a job is found here,
 * before anything starts, and each fault is named with its place, its key and the fix.
 *
 * <p>The path: {@link dev.trireme.launcher.config.JobReader} has the text made into nodes that know
 * their place, short forms written in full, overrides put in, and all of it bound to the records;
 * {@link dev.trireme.launcher.config.JobValidation} then looks at files and data. A key is added by
 * adding a component with {@link dev.trireme.api.job.Key} to its record: reader, writer and schema
 * find it there; then {@code ./trireme schema > configs/job.schema.json}.
 */
package dev.trireme.launcher.config;
