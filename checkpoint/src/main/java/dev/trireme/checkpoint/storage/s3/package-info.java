/**
 * Checkpoints in an S3-compatible object store; the only place for the AWS SDK. Nothing outside
 * names these classes but {@link dev.trireme.checkpoint.CheckpointPlace}, and only once a place
 * begins with {@code s3://}: a job that uses none loads none of it.
 */
package dev.trireme.checkpoint.storage.s3;
