package dev.trireme.ps;

import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.tensor.TensorBuffer;
import dev.trireme.ps.Frame.Kind;
import dev.trireme.ps.plan.Directory;
import dev.trireme.ps.plan.Shard;
import dev.trireme.ps.plan.ShardPlan;
import dev.trireme.ps.shard.Portions;
import dev.trireme.ps.shard.Room;
import java.util.BitSet;
import java.util.Optional;

/**
 * A worker's side of the protocol in one generation, without the wire: what it has pushed and
 * wants, and what has come back. See {@link ShardServer}.
 *
 * <p>Threading: one thread.
 */
final class ShardClient implements Post.Receiver, AutoCloseable {
  private final int worker;
  private final int workers;
  private final ShardPlan plan;
  private final int[] primaries;
  private final Frame[] pushes;
  private final Post post;
  private final Outgoing outgoing;
  private final Incoming incoming;
  private final BitSet unacknowledged = new BitSet();
  private final BitSet unread = new BitSet();
  private final int[] slotsMissing;
  private int slotsOutstanding;
  private long updates;
  private long step;
  private long after;
  private long behind;
  private boolean hasLeft;
  private boolean hasSaidBye;
  private boolean stepping;
  private final Room portionsRoom = new Room();
  private Optional<int[]> portions = Optional.empty();
  private long wishTold;

  /**
   * @param outgoing from which shards are pushed
   * @param incoming into which shards are pulled
   */
  ShardClient(
      int worker,
      int workers,
      ShardPlan plan,
      Directory directory,
      Post post,
      Outgoing outgoing,
      Incoming incoming) {
    this.worker = worker;
    this.workers = workers;
    this.plan = plan;
    this.primaries = directory.places().stream().mapToInt(Directory.Place::primary).toArray();
    this.pushes = new Frame[plan.shards().size()];
    this.post = post;
    this.outgoing = outgoing;
    this.incoming = incoming;
    this.slotsMissing = new int[plan.shards().size()];
  }

  private int primary(int shard) {
    return workers + primaries[shard];
  }

  /**
   * Pushes a shard's gradient, which must not change until {@link #isPushed}.
   *
   * @param ofStep the same for all shards until all are acknowledged
   * @param until the step ahead of this worker's next
   * @param items that the gradient is of
   * @param globalItems of the whole batch
   * @return its bytes
   */
  long push(int shard, long ofStep, long until, double rate, long items, long globalItems) {
    step = ofStep;
    unacknowledged.set(shard);
    TensorBuffer payload = outgoing.payload(shard);
    pushes[shard] =
        new Frame(
            Kind.PUSH, shard, worker, ofStep, rate, items, globalItems, payload.byteCount(), until);
    post.send(primary(shard), pushes[shard], Optional.of(payload));
    return payload.byteCount();
  }

  /**
   * Says that the gradients of all shards stand in this worker's slab, and must not change until
   * {@link #isStepped}: see {@link WholeSteps}.
   *
   * @param items that they are of
   */
  void step(long ofStep, double rate, long items) {
    step = ofStep;
    begin(ofStep);
    stepping = true;
    Frame frame = new Frame(Kind.STEP, 0, worker, ofStep, rate, items, 0, 0, ofStep);
    post.send(primary(0), frame, Optional.empty());
  }

  /** Whether the step is applied, and its values can be read where the server shows them. */
  boolean isStepped() {
    return !stepping;
  }

  /** Says again to a shard's new primary what the old one has not answered. */
  private void moved(int shard, int to) {
    primaries[shard] = to;
    if (hasSaidBye) {
      // Everything was answered before, and the new primary hears nothing more of this worker.
      return;
    }
    if (unacknowledged.get(shard)) {
      post.send(primary(shard), pushes[shard], Optional.of(outgoing.payload(shard)));
    }
    if (unread.get(shard)) {
      ask(plan.shards().get(shard));
    }
    if (slotsMissing[shard] > 0) {
      slotsOutstanding -= slotsMissing[shard];
      askSlots(plan.shards().get(shard));
    }
    if (hasLeft) {
      leave(shard);
    }
  }

  /** Whether every push has been acknowledged. */
  boolean isPushed() {
    return unacknowledged.isEmpty();
  }

  /** Commits a step, or joins after it, and asks for all shards in order. */
  void pull(long afterStep) {
    begin(afterStep);
    incoming.expectAll();
    plan.shards().forEach(this::ask);
  }

  /** The same, where of tables only these rows are asked for. */
  void pull(long afterStep, Rows rows) {
    begin(afterStep);
    incoming.expect(rows);
    plan.shards().forEach(this::ask);
  }

  private void begin(long afterStep) {
    after = afterStep;
    behind = 0;
  }

  /**
   * Asks for a shard that is no table right behind its push, where a step is not applied as one:
   * its values come while backward goes on.
   */
  void pullBehindPush(int shard, long afterStep) {
    if (after != afterStep) {
      begin(afterStep);
    }
    ask(plan.shards().get(shard));
  }

  /** Asks for what {@link #pullBehindPush} has left: these rows of the tables. */
  void pullTables(Rows rows) {
    incoming.expect(rows);
    plan.shards().stream().filter(Shard::isTable).forEach(this::ask);
  }

  /** Asks for further rows of the tables, after the same step. */
  void pullMore(Rows rows) {
    incoming.expect(rows);
    plan.shards().stream()
        .filter(shard -> shard.isTable() && incoming.rows(shard).length > 0)
        .forEach(this::ask);
  }

  private void ask(Shard shard) {
    unread.set(shard.index());
    boolean inRows = incoming.inRows(shard);
    TensorBuffer wish = inRows ? incoming.wish(shard) : TensorBuffer.NONE;
    post.send(
        primary(shard.index()),
        new Frame(Kind.PULL, shard.index(), worker, after, 0, inRows ? 1 : 0, 0, wish.byteCount()),
        Optional.of(wish));
  }

  /** The step after which values were asked for last. */
  long askedAfter() {
    return after;
  }

  /** Whether every shard that was asked for has come. */
  boolean isPulled() {
    return unread.isEmpty();
  }

  /** By how many steps the slowest worker was behind in what was last pulled, at most. */
  long behind() {
    return behind;
  }

  /** Asks for the optimizer's slots of all shards. */
  void pullSlots() {
    plan.shards().forEach(this::askSlots);
  }

  private void askSlots(Shard shard) {
    slotsMissing[shard.index()] = Math.max(1, incoming.slots().size());
    slotsOutstanding += slotsMissing[shard.index()];
    post.send(
        primary(shard.index()),
        Frame.about(Kind.SLOTS, shard.index(), worker, step),
        Optional.empty());
  }

  /** Whether all of them have come. */
  boolean isSlotsPulled() {
    return slotsOutstanding == 0;
  }

  /** Updates that the last shard whose slots came has had. */
  long updates() {
    return updates;
  }

  /** Says that this worker has been asked to stop or to save. */
  void wish(int kinds) {
    post.send(primary(0), new Frame(Kind.WISH, 0, worker, step, 0, kinds, 0, 0), Optional.empty());
  }

  /** What was last told of wishes, see Wishes. */
  long wishTold() {
    return wishTold;
  }

  /**
   * Asks for the workers' parts of a window of steps.
   *
   * @param ofStep that this worker comes to it with
   */
  void askPortions(long window, long ofStep) {
    portions = Optional.empty();
    post.send(
        primary(0), new Frame(Kind.PORTIONS, 0, worker, window, 0, ofStep, 0, 0), Optional.empty());
  }

  /** They, once they have come. */
  Optional<int[]> portions() {
    return portions;
  }

  /** Tells all shards not to wait for this worker any more. */
  void leave() {
    hasLeft = true;
    plan.shards().forEach(shard -> leave(shard.index()));
  }

  private void leave(int shard) {
    post.send(primary(shard), Frame.about(Kind.LEAVE, shard, worker, step), Optional.empty());
  }

  /** Tells all servers that no more will come. */
  void bye(int servers) {
    hasSaidBye = true;
    for (int server = 0; server < servers; server++) {
      post.send(workers + server, Frame.about(Kind.BYE, 0, worker, step), Optional.empty());
    }
  }

  @Override
  public TensorBuffer target(int from, Frame frame) {
    Shard shard = plan.shards().get(frame.shard());
    if (frame.kind() == Kind.VALUES
        && unread.get(frame.shard())
        && frame.bytes() == incoming.bytes(shard)) {
      return incoming.target(shard);
    }
    if (frame.kind() == Kind.SLOT
        && frame.bytes() == 4 * shard.count()
        && frame.weight() >= 0
        && frame.weight() < incoming.slots().size()
        && slotsMissing[frame.shard()] > 0) {
      return incoming.slots().get((int) frame.weight()).slice(shard.from(), shard.count());
    }
    if (frame.kind() == Kind.PORTIONS_ARE && frame.bytes() == 4L * Portions.length(workers)) {
      return portionsRoom.of(frame.bytes());
    }
    throw frame.unexpected(from, "worker " + worker + ", with " + frame.bytes() + " bytes");
  }

  @Override
  public void handle(int from, Frame frame) {
    switch (frame.kind()) {
      case ACK -> {
        if (frame.step() == step) {
          unacknowledged.clear(frame.shard());
        }
      }
      case VALUES -> {
        behind = Math.max(behind, frame.weight());
        wishTold = frame.shard() == 0 ? frame.mask() : wishTold;
        incoming.arrived(plan.shards().get(frame.shard()));
        unread.clear(frame.shard());
      }
      case STEPPED -> {
        behind = Math.max(behind, frame.weight());
        stepping &= frame.step() != step;
      }
      case SLOT -> {
        updates = frame.mask();
        slotsMissing[frame.shard()]--;
        slotsOutstanding--;
      }
      case PORTIONS_ARE -> {
        int[] parts = new int[Portions.length(workers)];
        Room.view(portionsRoom.of(frame.bytes())).asIntBuffer().get(0, parts);
        portions = Optional.of(parts);
      }
      case MOVED -> moved(frame.shard(), (int) frame.weight());
      case BYE -> {}
      default -> throw frame.unexpected(from, "worker " + worker);
    }
  }

  @Override
  public void close() {
    portionsRoom.close();
  }

  /** What is waited for, for a verdict. */
  @Override
  public String toString() {
    if (stepping) {
      return "answer to the gradients of step " + step;
    }
    if (!isPushed()) {
      return "acknowledgement of the pushes of step " + step + " of shards " + unacknowledged;
    }
    return isPulled()
        ? slotsOutstanding + " slots of shards"
        : "values after step " + after + " of shards " + unread;
  }

  /** The verdict where what is waited for has not come. */
  CollectiveException late(long inStep, double seconds) {
    int suspect = awaited();
    return new CollectiveException(
        CollectiveException.Cause.DEADLINE,
        suspect,
        "step "
            + inStep
            + ": no "
            + this
            + " within "
            + seconds
            + " s; rank "
            + suspect
            + ", a server, was waited for");
  }

  /** The server that is waited for first; -1 where none is. */
  private int awaited() {
    if (stepping) {
      return primary(0);
    }
    int shard = isPushed() ? unread.nextSetBit(0) : unacknowledged.nextSetBit(0);
    return shard < 0 ? -1 : primary(shard);
  }
}
