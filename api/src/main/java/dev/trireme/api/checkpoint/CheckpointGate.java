package dev.trireme.api.checkpoint;

import java.time.Duration;

/**
 * The coordinator's say over checkpoints, as a rank sees it: rank 0 commits only with a grant for
 * (generation, step), which comes when every rank's shard is on disk, so that a rank left over from
 * an older generation cannot commit anything.
 *
 * <p>Threading: any.
 */
public interface CheckpointGate {
  /** Tells the coordinator that this rank's shard is written and fsynced. Never blocks. */
  void shardWritten(long generation, long step);

  /**
   * Rank 0 only: waits for the grant.
   *
   * @return whether it was granted; false when it was refused (the generation is over) or the
   *     deadline passed, and the checkpoint must be dropped
   */
  boolean awaitGrant(long generation, long step, Duration deadline);

  /**
   * Whether a generation is known to be over, so that a checkpoint of it that got no grant is no
   * failure of whoever has written it. Any thread; never blocks.
   */
  default boolean isOver(long generation) {
    return false;
  }

  /**
   * Tells the coordinator how a checkpoint ended, for the events. Never blocks.
   *
   * @param failure empty when it was committed, else why not
   */
  void finished(
      long generation, long step, Duration stall, Duration write, long bytes, String failure);
}
