package dev.trireme.ps;

import dev.trireme.api.job.ConsistencySpec;
import dev.trireme.api.job.OptimizerSpec;
import dev.trireme.ps.plan.Directory;
import dev.trireme.ps.plan.Directory.Holding;
import dev.trireme.ps.plan.ShardPlan;
import dev.trireme.ps.shard.ShardCopy;
import dev.trireme.ps.shard.Wire;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * The copies of shards that a server holds, through all formations of its process.
 *
 * <p>Threading: one thread.
 */
public final class ShardStore implements AutoCloseable {
  private final ShardPlan plan;
  private final OptimizerSpec optimizer;
  private final ConsistencySpec consistency;
  private final Wire wire;
  private final int batch;
  private final int workers;
  private final Map<Integer, ShardCopy> copies = new TreeMap<>();
  private final Map<Integer, Boolean> primaries = new TreeMap<>();

  /**
   * An empty one.
   *
   * @param batch items of a whole global batch
   */
  public ShardStore(
      ShardPlan plan,
      OptimizerSpec optimizer,
      ConsistencySpec consistency,
      Wire wire,
      int workers,
      int batch) {
    this.plan = plan;
    this.optimizer = optimizer;
    this.consistency = consistency;
    this.wire = wire;
    this.batch = batch;
    this.workers = workers;
  }

  ShardPlan plan() {
    return plan;
  }

  int workers() {
    return workers;
  }

  /** Whether a step may do without the slowest workers. */
  boolean leavesOut() {
    return consistency instanceof ConsistencySpec.Bsp bsp && bsp.drop() > 0;
  }

  Optional<ShardCopy> copy(int shard) {
    return Optional.ofNullable(copies.get(shard));
  }

  /** What it holds, as {@link Directory#decide} wants to know it. */
  List<Holding> holdings(int server) {
    List<Holding> all = new ArrayList<>();
    copies.forEach(
        (shard, copy) ->
            all.add(new Holding(server, shard, copy.clocks().progress(), primaries.get(shard))));
    return all;
  }

  /** A new, empty copy, in place of any that was there. */
  ShardCopy make(int shard, long from) {
    ShardCopy copy =
        new ShardCopy(plan.shards().get(shard), optimizer, consistency, wire, workers, batch, from);
    put(copy);
    return copy;
  }

  /** An empty copy that is not held yet. */
  ShardCopy detached(int shard) {
    return new ShardCopy(plan.shards().get(shard), optimizer, consistency, wire, workers, batch, 0);
  }

  /** Holds a copy in place of any that was there. */
  void put(ShardCopy copy) {
    drop(copy.shard().index());
    copies.put(copy.shard().index(), copy);
    primaries.put(copy.shard().index(), false);
  }

  /** Holds a shard no more, of which another server is all there is; the caller frees the copy. */
  ShardCopy letGo(int shard) {
    primaries.remove(shard);
    return copies.remove(shard);
  }

  /** A shard's primary is another server from now on, or this one. */
  void role(int shard, boolean primary) {
    primaries.put(shard, primary);
  }

  /** Begins a generation: frees what this server is not to hold any more. */
  void follow(Directory directory, int server) {
    for (int shard : List.copyOf(copies.keySet())) {
      if (!directory.holds(server, shard)) {
        drop(shard);
      } else {
        primaries.put(shard, directory.places().get(shard).primary() == server);
        copies.get(shard).clocks().newGeneration();
      }
    }
  }

  private void drop(int shard) {
    primaries.remove(shard);
    ShardCopy old = copies.remove(shard);
    if (old != null) {
      old.close();
    }
  }

  /** Frees all. */
  @Override
  public void close() {
    List.copyOf(copies.keySet()).forEach(this::drop);
  }
}
