package dev.trireme.ps;

import dev.trireme.api.job.ConsistencySpec;
import java.util.Optional;

/**
 * Whether a job may go on from what its workers have when no server has a copy of some shard left.
 * It may where that is the very state of a step; else the job goes back to its last checkpoint,
 * which loses time, and nothing is trained on twice or left out.
 */
final class Salvage {
  private Salvage() {}

  /**
   * What workers lack that have not just saved; empty where they lack nothing. Pure.
   *
   * @param tables whether workers have rows alone of some parameters
   * @param slots of the optimizer, which servers have and workers do not
   */
  static Optional<String> lacking(ConsistencySpec consistency, boolean tables, int slots) {
    String lost = "no server has a copy of some shards any more, and ";
    if (!(consistency instanceof ConsistencySpec.Bsp bsp) || bsp.drop() > 0) {
      return Optional.of(
          lost + "what a worker has read may hold a part of what others are about to push again");
    }
    if (tables) {
      return Optional.of(lost + "workers have some rows of the tables only");
    }
    if (slots > 0) {
      return Optional.of(lost + "workers do not have the optimizer's state");
    }
    return Optional.empty();
  }
}
