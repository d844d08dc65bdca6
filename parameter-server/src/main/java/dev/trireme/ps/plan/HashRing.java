package dev.trireme.ps.plan;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * Consistent hashing with bounded loads. Each server stands at several points of a ring; a shard
 * belongs to the first server at or behind its own point that is not full. Without the bound, a
 * server that joins or leaves moves only the shards that come to it or were on it; with it, few
 * others.
 *
 * <p>Source: Karger et al. (1997); the bound: Mirrokni, Thorup, Zadimoghaddam, "Consistent hashing
 * with bounded loads" (2018). Cost: O(log points) and a walk past full servers.
 */
final class HashRing {
  private static final int POINTS = 64;

  private final TreeMap<Long, Integer> ring = new TreeMap<>();

  /**
   * @param servers their numbers
   */
  HashRing(Iterable<Integer> servers) {
    for (int server : servers) {
      for (int point = 0; point < POINTS; point++) {
        ring.putIfAbsent(mix(((long) server << 32) + point + 1), server);
      }
    }
  }

  /**
   * The servers in the order in which a shard would be put on them, each once.
   *
   * @param loads shards that each holds; those with {@code most} or more come last
   */
  List<Integer> order(int shard, Map<Integer, Integer> loads, int most, Set<Integer> without) {
    long at = mix(~(long) shard);
    List<Integer> walk = new ArrayList<>(ring.tailMap(at).values());
    walk.addAll(ring.headMap(at).values());
    List<Integer> open = new ArrayList<>();
    List<Integer> full = new ArrayList<>();
    for (int server : walk) {
      if (without.contains(server) || open.contains(server) || full.contains(server)) {
        continue;
      }
      (loads.getOrDefault(server, 0) < most ? open : full).add(server);
    }
    open.addAll(full);
    return open;
  }

  /** SplitMix64's finisher (Steele, Lea, Flood, 2014). */
  private static long mix(long z) {
    z += 0x9e3779b97f4a7c15L;
    z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
    z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
    return z ^ (z >>> 31);
  }
}
