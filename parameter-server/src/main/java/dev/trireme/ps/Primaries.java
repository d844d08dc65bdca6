package dev.trireme.ps;

import dev.trireme.api.tensor.TensorBuffer;
import dev.trireme.ps.Frame.Kind;
import dev.trireme.ps.plan.Shard;
import dev.trireme.ps.shard.ShardCopy;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeMap;

/**
 * The shards that a server takes pushes for, and how it comes to have others: one is handed over
 * between two messages, when its backup holds the same.
 *
 * <pre>
 *   worker            old primary           its backup
 *     |                | HAND_OVER -------->|   takes pushes from now on
 *     |<-------- MOVED |<------- TAKEN_OVER |
 *     | PUSH, PULL ------------------------>|   what the old one has not answered, again
 * </pre>
 *
 * <p>Where shards have no backups for good, the old primary lets its copy go.
 *
 * <p>Threading: the server's.
 */
final class Primaries implements AutoCloseable {
  private final ShardStore store;
  private final Post post;
  private final boolean backups;
  private final TensorBuffer slab;
  private final int workers;
  private final Map<Integer, PrimaryShard> all = new TreeMap<>();
  private final Set<Integer> handedOver = new HashSet<>();
  private final List<PrimaryShard> retired = new ArrayList<>();
  private final List<ShardCopy> letGo = new ArrayList<>();
  private boolean closing;

  /**
   * @param backups whether shards have backups for good, or only while they are handed over
   * @param slab for all parameters, best where workers of this host read it in place
   */
  Primaries(ShardStore store, Post post, boolean backups, TensorBuffer slab) {
    this.store = store;
    this.post = post;
    this.backups = backups;
    this.slab = slab;
    this.workers = store.workers();
  }

  /** Takes pushes for a shard from now on. */
  void lead(ShardCopy copy, OptionalInt backup) {
    Shard shard = copy.shard();
    TensorBuffer shown = slab.slice(shard.from(), shard.count());
    all.put(shard.index(), new PrimaryShard(copy, backup, shown));
  }

  /** The shard's, where this server takes its pushes; else null. */
  PrimaryShard get(int shard) {
    return all.get(shard);
  }

  /** All of them. */
  List<PrimaryShard> all() {
    return List.copyOf(all.values());
  }

  boolean has(int shard) {
    return all.containsKey(shard);
  }

  /** Whether another server takes the shard's pushes since this one did, or is about to. */
  boolean isGone(int shard) {
    PrimaryShard primary = all.get(shard);
    return handedOver.contains(shard) || primary != null && primary.leaving;
  }

  /** How many have been handed over. */
  int handedOver() {
    return handedOver.size();
  }

  /** This server is about to say that it sends no more: moves that are under way end here. */
  void takeLeave() {
    closing = true;
  }

  /** Between two messages that would leave the backup behind the two are alike. */
  void handOverIfQuiet(PrimaryShard primary) {
    if (primary.handsOver && primary.isQuiet()) {
      primary.leaving = true;
      post.send(
          workers + primary.backup.orElseThrow(),
          Frame.about(Kind.HAND_OVER, primary.copy.shard().index(), 0, 0),
          Optional.empty());
    }
  }

  /** The backup takes over. */
  void takeOver(int from, Frame frame, ShardCopy copy) {
    if (closing) {
      return;
    }
    copy.clocks().newGeneration();
    lead(copy, backups ? OptionalInt.of(from - workers) : OptionalInt.empty());
    store.role(frame.shard(), true);
    post.send(from, frame.as(Kind.TAKEN_OVER, 0), Optional.empty());
  }

  /** It has: workers are told. */
  void moved(Frame frame) {
    PrimaryShard primary = all.remove(frame.shard());
    if (backups) {
      store.role(frame.shard(), false);
    } else {
      // What it holds grows old from now on, and must not be taken for the shard.
      letGo.add(store.letGo(frame.shard()));
    }
    handedOver.add(frame.shard());
    int to = primary.backup.orElseThrow();
    for (int worker = 0; worker < workers && !closing; worker++) {
      post.send(
          worker, new Frame(Kind.MOVED, frame.shard(), worker, 0, 0, to, 0, 0), Optional.empty());
    }
    retired.add(primary);
  }

  @Override
  public void close() {
    all.values().forEach(primary -> primary.copy.keep());
    all.values().forEach(PrimaryShard::close);
    retired.forEach(PrimaryShard::close);
    letGo.forEach(ShardCopy::close);
  }
}
