/**
 * A job spec as immutable records that are valid from the moment they exist. Reading YAML into them
 * happens elsewhere; annotations here carry what a reader, a schema and a person need to know of a
 * key.
 */
package dev.trireme.api.job;
