package dev.trireme.ps;

import dev.trireme.api.tensor.TensorBuffer;
import dev.trireme.ps.Frame.Kind;
import dev.trireme.ps.plan.Directory;
import dev.trireme.ps.plan.Shard;
import dev.trireme.ps.plan.ShardPlan;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;

/**
 * A worker's side of the protocol in one generation, without the wire: what it has pushed and
 * wants, and what has come back. See {@link ShardServer}.
 *
 * <p>Threading: one thread.
 */
final class ShardClient implements Post.Receiver {
  private final int worker;
  private final int workers;
  private final ShardPlan plan;
  private final Directory directory;
  private final Post post;
  private final TensorBuffer gradients;
  private final TensorBuffer values;
  private final List<TensorBuffer> slots;
  private final BitSet unacknowledged = new BitSet();
  private final BitSet unread = new BitSet();
  private final int[] slotsMissing;
  private int slotsOutstanding;
  private long updates;
  private long step;

  /**
   * @param gradients a slab from which shards are pushed
   * @param values a slab into which shards are pulled
   * @param slots slabs for the optimizer's slots
   */
  ShardClient(
      int worker,
      int workers,
      ShardPlan plan,
      Directory directory,
      Post post,
      TensorBuffer gradients,
      TensorBuffer values,
      List<TensorBuffer> slots) {
    this.worker = worker;
    this.workers = workers;
    this.plan = plan;
    this.directory = directory;
    this.post = post;
    this.gradients = gradients;
    this.values = values;
    this.slots = List.copyOf(slots);
    this.slotsMissing = new int[plan.shards().size()];
  }

  private int primary(int shard) {
    return workers + directory.places().get(shard).primary();
  }

  /**
   * Pushes a shard's gradient, which must not change until {@link #isPushed}.
   *
   * @param ofStep the same for all shards until all are acknowledged
   * @param items that the gradient is of
   * @param globalItems of the whole batch
   */
  void push(int shard, long ofStep, double rate, long items, long globalItems) {
    step = ofStep;
    unacknowledged.set(shard);
    Shard place = plan.shards().get(shard);
    post.send(
        primary(shard),
        new Frame(Kind.PUSH, shard, worker, ofStep, rate, items, globalItems, place.count()),
        Optional.of(gradients.slice(place.from(), place.count())));
  }

  /** Whether every push has been acknowledged. */
  boolean isPushed() {
    return unacknowledged.isEmpty();
  }

  /** Commits a step, or joins after it, and asks for all shards in order. */
  void pull(long afterStep) {
    step = afterStep;
    for (Shard shard : plan.shards()) {
      unread.set(shard.index());
      post.send(
          primary(shard.index()),
          Frame.about(Kind.PULL, shard.index(), worker, afterStep),
          Optional.empty());
    }
  }

  /** Whether every shard that was asked for has come. */
  boolean isPulled() {
    return unread.isEmpty();
  }

  /** Asks for the optimizer's slots of all shards. */
  void pullSlots() {
    for (Shard shard : plan.shards()) {
      slotsMissing[shard.index()] = Math.max(1, slots.size());
      slotsOutstanding += slotsMissing[shard.index()];
      post.send(
          primary(shard.index()),
          Frame.about(Kind.SLOTS, shard.index(), worker, step),
          Optional.empty());
    }
  }

  /** Whether all of them have come. */
  boolean isSlotsPulled() {
    return slotsOutstanding == 0;
  }

  /** Updates that the last shard whose slots came has had. */
  long updates() {
    return updates;
  }

  /** Tells all shards not to wait for this worker any more. */
  void leave() {
    for (Shard shard : plan.shards()) {
      post.send(
          primary(shard.index()),
          Frame.about(Kind.LEAVE, shard.index(), worker, step),
          Optional.empty());
    }
  }

  /** Tells all servers that no more will come. */
  void bye(int servers) {
    for (int server = 0; server < servers; server++) {
      post.send(workers + server, Frame.about(Kind.BYE, 0, worker, step), Optional.empty());
    }
  }

  @Override
  public TensorBuffer target(int from, Frame frame) {
    Shard shard = plan.shards().get(frame.shard());
    boolean fits = frame.count() == shard.count();
    if (fits && frame.kind() == Kind.VALUES && unread.get(frame.shard())) {
      return values.slice(shard.from(), shard.count());
    }
    if (fits
        && frame.kind() == Kind.SLOT
        && frame.weight() >= 0
        && frame.weight() < slots.size()
        && slotsMissing[frame.shard()] > 0) {
      return slots.get((int) frame.weight()).slice(shard.from(), shard.count());
    }
    throw frame.unexpected(from, "worker " + worker + ", with " + frame.count() + " elements");
  }

  @Override
  public void handle(int from, Frame frame) {
    switch (frame.kind()) {
      case ACK -> {
        if (frame.step() == step) {
          unacknowledged.clear(frame.shard());
        }
      }
      case VALUES -> unread.clear(frame.shard());
      case SLOT -> {
        updates = frame.mask();
        slotsMissing[frame.shard()]--;
        slotsOutstanding--;
      }
      case BYE -> {}
      default -> throw frame.unexpected(from, "worker " + worker);
    }
  }

  /** What is waited for, for a verdict. */
  @Override
  public String toString() {
    if (!isPushed()) {
      return "acknowledgement of the pushes of step " + step + " of shards " + unacknowledged;
    }
    return isPulled()
        ? slotsOutstanding + " slots of shards"
        : "values after step " + step + " of shards " + unread;
  }

  /** The server that is waited for first; -1 where none is. */
  int awaited() {
    int shard = isPushed() ? unread.nextSetBit(0) : unacknowledged.nextSetBit(0);
    return shard < 0 ? -1 : primary(shard);
  }
}
