package dev.trireme.ps;

import dev.trireme.ps.StateMark.Part;
import java.util.Optional;

/**
 * Whether a job may go on from what a worker holds where the servers lack some shard: it may where
 * that is the very state of a step, and all of it; else the job goes back to its last checkpoint,
 * which loses time, and nothing is trained on twice or left out.
 */
final class Salvage {
  private Salvage() {}

  /**
   * What is lacking; empty where nothing is. Pure.
   *
   * @param held of the state by the worker that gives it
   * @param tables whether {@link Part#VALUES} are some rows alone of some parameters
   * @param slots of the optimizer
   */
  static Optional<String> lacking(Part held, boolean tables, int slots) {
    String lost = "the servers do not hold all shards as far as workers have come any more, and ";
    if (held == Part.NONE) {
      return Optional.of(
          lost + "what a worker has read may hold a part of what others are about to push again");
    }
    if (held == Part.VALUES && tables) {
      return Optional.of(lost + "workers have some rows of the tables only");
    }
    if (held == Part.VALUES && slots > 0) {
      return Optional.of(lost + "workers do not have the optimizer's state");
    }
    return Optional.empty();
  }
}
