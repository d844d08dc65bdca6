package dev.trireme.ps.plan;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeSet;

/**
 * Which server holds which shard, in one generation.
 *
 * @param generation in which it holds
 * @param places of each shard, in order of index
 */
public record Directory(long generation, List<Place> places) {
  public Directory {
    places = List.copyOf(places);
  }

  /**
   * Where a shard is.
   *
   * @param primary the server that takes its pushes and answers its pulls
   * @param backup another server, which holds the same
   */
  public record Place(int primary, OptionalInt backup) {
    public Place {
      if (backup.isPresent() && backup.getAsInt() == primary) {
        throw new IllegalArgumentException("server " + primary + " cannot back itself up");
      }
    }
  }

  /**
   * A server's copy of a shard.
   *
   * @param progress grows with everything that the copy has taken in; of two copies of a shard in
   *     one job, the one with more holds all that the other holds
   * @param primary whether it was the one that took pushes
   */
  public record Holding(int server, int shard, long progress, boolean primary) {}

  /**
   * Decides where shards are, given what survived. Pure.
   *
   * <ul>
   *   <li>The copy that has taken in most becomes, or stays, primary; of equals the primary, then
   *       the one with the lower number. Nothing acknowledged is only on the other.
   *   <li>A shard without a copy is placed by consistent hashing. Its values are then lost; the
   *       caller has to see to them, see {@link #isWhole}.
   *   <li>Backups stay where they are while that is another server than the primary, else they are
   *       placed by hashing as well.
   *   <li>A server that has more than its share of primaries hands some over to their backups, if
   *       these hold as much. Where shards have no backups, those to be handed over get one for
   *       that: so a server that joins gets its share.
   * </ul>
   *
   * @param servers that are there, at least one
   * @param backups 0 or 1; fewer where there are no other servers
   */
  public static Directory decide(
      long generation, int shards, List<Integer> servers, int backups, List<Holding> holdings) {
    Set<Integer> there = new TreeSet<>(servers);
    HashRing ring = new HashRing(there);
    int fair = (shards + there.size() - 1) / there.size();
    Map<Integer, List<Holding>> copies = new HashMap<>();
    holdings.stream()
        .filter(h -> there.contains(h.server()))
        .forEach(h -> copies.computeIfAbsent(h.shard(), s -> new ArrayList<>()).add(h));
    Map<Integer, Integer> primaries = new HashMap<>();
    Map<Integer, Integer> load = new HashMap<>();
    for (int shard = 0; shard < shards; shard++) {
      Optional<Holding> best = best(copies.getOrDefault(shard, List.of()), load, fair);
      int primary =
          best.isPresent() ? best.get().server() : ring.order(shard, load, fair, Set.of()).get(0);
      primaries.put(shard, primary);
      load.merge(primary, 1, Integer::sum);
    }
    List<Place> places = new ArrayList<>();
    Map<Integer, Integer> backedUp = new HashMap<>();
    for (int shard = 0; shard < shards; shard++) {
      int primary = primaries.get(shard);
      OptionalInt backup = OptionalInt.empty();
      if (backups > 0 && there.size() > 1) {
        int chosen =
            kept(copies.getOrDefault(shard, List.of()), primary, backedUp, fair)
                .orElse(ring.order(shard, backedUp, fair, Set.of(primary)).get(0));
        backedUp.merge(chosen, 1, Integer::sum);
        backup = OptionalInt.of(chosen);
      }
      places.add(new Place(primary, backup));
    }
    Directory directory = new Directory(generation, places);
    return backups > 0 ? directory : directory.movesTo(there, ring, load, fair);
  }

  /** The same with a backup for each shard that goes from a server with too many to another. */
  private Directory movesTo(
      Set<Integer> there, HashRing ring, Map<Integer, Integer> load, int fair) {
    Map<Integer, Integer> planned = new HashMap<>(load);
    List<Place> moved = new ArrayList<>(places);
    for (int shard = 1; shard < moved.size(); shard++) {
      int primary = moved.get(shard).primary();
      boolean room = there.stream().anyMatch(s -> planned.getOrDefault(s, 0) < fair);
      if (planned.get(primary) > fair && room) {
        int to = ring.order(shard, planned, fair, Set.of(primary)).get(0);
        planned.merge(primary, -1, Integer::sum);
        planned.merge(to, 1, Integer::sum);
        moved.set(shard, new Place(primary, OptionalInt.of(to)));
      }
    }
    return new Directory(generation, moved);
  }

  private static OptionalInt kept(
      List<Holding> copies, int primary, Map<Integer, Integer> backedUp, int fair) {
    return copies.stream()
        .mapToInt(Holding::server)
        .filter(s -> s != primary && backedUp.getOrDefault(s, 0) < fair)
        .findFirst();
  }

  private static Optional<Holding> best(
      List<Holding> copies, Map<Integer, Integer> load, int fair) {
    long most = copies.stream().mapToLong(Holding::progress).max().orElse(0);
    return copies.stream()
        .filter(h -> h.progress() == most)
        .min(
            (a, b) -> {
              boolean fullA = load.getOrDefault(a.server(), 0) >= fair;
              boolean fullB = load.getOrDefault(b.server(), 0) >= fair;
              if (fullA != fullB) {
                return fullA ? 1 : -1;
              }
              return a.primary() != b.primary()
                  ? (a.primary() ? -1 : 1)
                  : Integer.compare(a.server(), b.server());
            });
  }

  /** Whether each shard has a copy among these. */
  public static boolean isWhole(int shards, List<Holding> holdings) {
    return holdings.stream().mapToInt(Holding::shard).distinct().count() == shards;
  }

  /** The shards that a server takes pushes for. */
  public List<Integer> primariesOf(int server) {
    List<Integer> mine = new ArrayList<>();
    for (int shard = 0; shard < places.size(); shard++) {
      if (places.get(shard).primary() == server) {
        mine.add(shard);
      }
    }
    return mine;
  }

  /**
   * The shards whose primaries hand them over to the backups once these hold as much, so that no
   * server takes pushes for more than its share. The first shard stays, for more than values is
   * kept with it. Pure.
   *
   * @param servers how many there are
   */
  public List<Integer> handOvers(int servers) {
    int fair = (places.size() + servers - 1) / servers;
    int[] load = new int[servers];
    places.forEach(place -> load[place.primary()]++);
    List<Integer> moves = new ArrayList<>();
    for (int shard = 1; shard < places.size(); shard++) {
      Place place = places.get(shard);
      if (place.backup().isPresent()
          && load[place.primary()] > fair
          && load[place.backup().getAsInt()] < fair) {
        load[place.primary()]--;
        load[place.backup().getAsInt()]++;
        moves.add(shard);
      }
    }
    return moves;
  }

  /** Whether a server holds a shard at all. */
  public boolean holds(int server, int shard) {
    Place place = places.get(shard);
    return place.primary() == server
        || place.backup().isPresent() && place.backup().getAsInt() == server;
  }
}
