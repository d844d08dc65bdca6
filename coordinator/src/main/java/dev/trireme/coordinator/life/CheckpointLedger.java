package dev.trireme.coordinator.life;

import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * Knows which shards of which checkpoints a formation has written. Keeps the newest few steps:
 * older ones belong to checkpoints that were given up.
 */
final class CheckpointLedger {
  private static final int MAX_STEPS = 64;

  private final int worldSize;
  private final Map<Long, Set<Integer>> written = new HashMap<>();

  CheckpointLedger(int worldSize) {
    this.worldSize = worldSize;
  }

  /**
   * This rank's shard of the checkpoint of {@code step} is on disk.
   *
   * @return whether it was the last one missing; true once a step
   */
  boolean written(int rank, long step) {
    Set<Integer> ranks = written.computeIfAbsent(step, s -> new HashSet<>());
    boolean last = ranks.add(rank) && ranks.size() == worldSize;
    if (written.size() > MAX_STEPS) {
      written.remove(new TreeSet<>(written.keySet()).first());
    }
    return last;
  }
}
