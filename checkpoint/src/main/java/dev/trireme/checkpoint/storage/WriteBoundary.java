package dev.trireme.checkpoint.storage;

/**
 * The moments of writing a checkpoint, in order: between any two of them a process may die, and
 * what it leaves is then never taken for a checkpoint. Until {@link #PUBLISH} is over nothing is
 * visible; from then on the checkpoint is whole.
 */
public enum WriteBoundary {
  /** Rank 0 deletes what writers before left unfinished. */
  SWEEP,
  /** The staging place is made; every rank does it, whoever comes first. */
  CREATE_STAGING,
  /** There must be room for this rank's shard, and on rank 0 for those of all ranks. */
  CHECK_SPACE,
  /** The values of this rank's tensors are written. */
  WRITE_SHARD_DATA,
  /** The header of this rank's shard is written, in the room left for it. */
  WRITE_SHARD_HEADER,
  /** The shard reaches the disk. */
  SYNC_SHARD,
  /** The shard's name reaches the disk. */
  SYNC_SHARD_NAME,
  /** The coordinator hears that the shard is there. */
  ANNOUNCE,
  /** Rank 0 waits for the coordinator's grant. */
  AWAIT_GRANT,
  /** Rank 0 reads the headers of all shards and composes the manifest. */
  COMPOSE,
  /** The manifest is written. */
  WRITE_MANIFEST,
  /** The manifest reaches the disk. */
  SYNC_MANIFEST,
  /** The manifest's name reaches the disk. */
  SYNC_MANIFEST_NAME,
  /** What stands under the same name from an older generation is put away. */
  PUT_AWAY,
  /** The one act that makes the checkpoint visible. */
  PUBLISH,
  /** The checkpoint's name reaches the disk. */
  SYNC_PUBLISHED,
  /** Rank 0 deletes checkpoints that are no longer to be kept. */
  PRUNE
}
