package dev.trireme.ps;

import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import dev.trireme.ps.Frame.Kind;
import dev.trireme.ps.plan.Directory;
import dev.trireme.ps.shard.Clocks;
import dev.trireme.ps.shard.ShardCopy;
import dev.trireme.ps.shard.Staleness;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * What a server does in one generation: the protocol, without the wire.
 *
 * <pre>
 *   worker            primary             backup
 *     | PUSH --------->| REPLICATE -------->|        the primary takes it in, then the backup
 *     |<---------- ACK |<------- REPLICATED |        acknowledged: both hold it
 *     | PULL --------->|                    |        bsp: the worker commits the step
 *     |                | APPLY ------------>|        once all workers have, the step is applied
 *     |<------- VALUES |<---------- APPLIED |        by both before anybody reads it
 * </pre>
 *
 * <p>Why nothing acknowledged is lost: an acknowledged push is in both copies, and what a worker
 * has read under bsp is applied in both. So whichever is left goes on as if it had been the
 * primary. Why nothing is applied twice: each copy knows, by worker, the last step it has taken in,
 * and takes in a step once. Workers of a new generation simply repeat the step in which the old one
 * broke.
 *
 * <p>Why no step is half applied under bsp: a worker commits a step only when every shard has
 * acknowledged its push of it, and no shard applies before all workers have committed. So when one
 * shard applies, all hold what they need to.
 *
 * <p>With {@code drop}, shards may leave different workers out of a step.
 *
 * <p>Threading: one thread.
 */
final class ShardServer implements Post.Receiver, AutoCloseable {
  /** What is under way for a shard of which this server is the primary. */
  private static final class Primary {
    final ShardCopy copy;
    final OptionalInt backup;
    final long[] unreplicated;
    final long[] wanted;
    final TensorBuffer[] outgoing;
    boolean applying;

    Primary(ShardCopy copy, OptionalInt backup) {
      this.copy = copy;
      this.backup = backup;
      int workers = copy.clocks().workers();
      unreplicated = new long[workers];
      wanted = new long[workers];
      outgoing = new TensorBuffer[workers];
    }
  }

  private final int workers;
  private final ShardStore store;
  private final Post post;
  private final Staleness staleness;
  private final Map<Integer, Primary> primaries = new HashMap<>();
  private final List<NativeMemory.Block> blocks = new ArrayList<>();
  private final NativeMemory.Block unwanted;
  private long globalItems;
  private int farewells;

  /**
   * @param server its number, from 0: rank {@code workers + server} of the group
   * @param store holds all that the directory says
   */
  ShardServer(int server, ShardStore store, Directory directory, Post post, Staleness staleness) {
    this.workers = store.workers();
    this.store = store;
    this.post = post;
    this.staleness = staleness;
    this.unwanted = NativeMemory.allocate(4 * store.plan().largest(), 64);
    for (int shard : directory.primariesOf(server)) {
      primaries.put(
          shard,
          new Primary(store.copy(shard).orElseThrow(), directory.places().get(shard).backup()));
    }
  }

  @Override
  public TensorBuffer target(int from, Frame frame) {
    boolean replica = frame.kind() == Kind.REPLICATE;
    if (frame.kind() != Kind.PUSH && !replica) {
      throw frame.unexpected(from, "a server, with a payload");
    }
    ShardCopy copy = held(from, frame, replica);
    if (frame.count() != copy.shard().count()) {
      throw frame.unexpected(from, "a server, with " + frame.count() + " elements");
    }
    return switch (copy.clocks().rule(frame.worker(), frame.step())) {
      case HOLD, APPLY -> copy.gradient(frame.worker());
      case DUPLICATE, LATE, EARLY -> unwanted.buffer(DType.FLOAT32, frame.count());
    };
  }

  /** Whether every worker has said that it will send no more. */
  boolean isDeserted() {
    return farewells == workers;
  }

  private ShardCopy held(int from, Frame frame, boolean asBackup) {
    boolean primary = primaries.containsKey(frame.shard());
    if (primary == asBackup) {
      throw frame.unexpected(from, "a server that is not its " + (asBackup ? "backup" : "primary"));
    }
    return store
        .copy(frame.shard())
        .orElseThrow(() -> frame.unexpected(from, "a server that does not hold it"));
  }

  @Override
  public void handle(int from, Frame frame) {
    switch (frame.kind()) {
      case PUSH -> push(from, frame);
      case REPLICATE -> replicate(from, frame);
      case REPLICATED -> replicated(frame);
      case PULL -> pull(from, frame);
      case APPLY -> {
        held(from, frame, true).apply(frame.mask(), frame.weight());
        post.send(from, frame.as(Kind.APPLIED, 0), Optional.empty());
      }
      case APPLIED -> {
        Primary primary = primaries.get(frame.shard());
        primary.applying = false;
        answer(primary);
      }
      case SLOTS -> slots(from, frame);
      case LEAVE -> {
        Primary primary = primaries.get(frame.shard());
        held(from, frame, false).clocks().leave(frame.worker());
        applyIfComplete(primary);
        answer(primary);
      }
      case BYE -> farewells += from < workers ? 1 : 0;
      default -> throw frame.unexpected(from, "a server");
    }
  }

  private void push(int from, Frame frame) {
    ShardCopy copy = held(from, frame, false);
    Primary primary = primaries.get(frame.shard());
    globalItems = frame.mask();
    int worker = frame.worker();
    Clocks.Ruling ruling = copy.push(worker, frame.step(), frame.rate(), frame.weight());
    switch (ruling) {
      case HOLD, APPLY -> {
        if (primary.backup.isPresent()) {
          primary.unreplicated[worker] = frame.step();
          post.send(
              workers + primary.backup.getAsInt(),
              frame.as(Kind.REPLICATE, frame.count()),
              Optional.of(copy.gradient(worker)));
        } else {
          acknowledge(frame);
        }
        answer(primary);
      }
      case DUPLICATE, LATE -> {
        if (primary.unreplicated[worker] < frame.step()) {
          acknowledge(frame);
        }
      }
      case EARLY -> throw frame.unexpected(from, "a server that lacks the step before");
    }
  }

  private void acknowledge(Frame frame) {
    post.send(frame.worker(), frame.as(Kind.ACK, 0), Optional.empty());
  }

  private void replicate(int from, Frame frame) {
    Clocks.Ruling ruling =
        held(from, frame, true).push(frame.worker(), frame.step(), frame.rate(), frame.weight());
    if (ruling == Clocks.Ruling.EARLY) {
      throw frame.unexpected(from, "a backup that lacks the step before");
    }
    post.send(from, frame.as(Kind.REPLICATED, 0), Optional.empty());
  }

  private void replicated(Frame frame) {
    Primary primary = primaries.get(frame.shard());
    if (primary.unreplicated[frame.worker()] == frame.step()) {
      primary.unreplicated[frame.worker()] = 0;
      acknowledge(frame);
    }
  }

  private void pull(int from, Frame frame) {
    ShardCopy copy = held(from, frame, false);
    Primary primary = primaries.get(frame.shard());
    copy.clocks().commit(frame.worker(), frame.step());
    primary.wanted[frame.worker()] = frame.step() + 1;
    applyIfComplete(primary);
    answer(primary);
  }

  private void applyIfComplete(Primary primary) {
    OptionalLong who = primary.copy.clocks().complete();
    if (who.isEmpty()) {
      return;
    }
    long step = primary.copy.clocks().applied() + 1;
    primary.copy.apply(who.getAsLong(), globalItems);
    if (primary.backup.isPresent()) {
      primary.applying = true;
      post.send(
          workers + primary.backup.getAsInt(),
          new Frame(
              Kind.APPLY,
              primary.copy.shard().index(),
              0,
              step,
              0,
              globalItems,
              who.getAsLong(),
              0),
          Optional.empty());
    }
  }

  /** Gives the values to all who wait for them and may have them. */
  private void answer(Primary primary) {
    Clocks clocks = primary.copy.clocks();
    for (int worker = 0; worker < workers && !primary.applying; worker++) {
      long step = primary.wanted[worker];
      if (step > 0 && clocks.mayBegin(worker, step)) {
        primary.wanted[worker] = 0;
        staleness.add(clocks.behind(worker, step));
        TensorBuffer values = outgoing(primary, worker);
        post.send(
            worker,
            Frame.about(Kind.VALUES, primary.copy.shard().index(), worker, step - 1)
                .as(Kind.VALUES, values.count()),
            Optional.of(values));
      }
    }
  }

  /**
   * Under bsp nothing changes the values before all have read them; else they are copied, so that
   * what a worker reads of a shard is never in part older and in part newer.
   */
  private TensorBuffer outgoing(Primary primary, int worker) {
    TensorBuffer values = primary.copy.values();
    if (primary.copy.clocks().synchronous() && !mayOvertake()) {
      return values;
    }
    if (primary.outgoing[worker] == null) {
      NativeMemory.Block block = NativeMemory.allocate(values.byteCount(), 64);
      blocks.add(block);
      primary.outgoing[worker] = block.buffer(DType.FLOAT32, values.count());
    }
    NativeMemory.copy(values.address(), primary.outgoing[worker].address(), values.byteCount());
    return primary.outgoing[worker];
  }

  /** Whether a step may be applied while a worker that was left out of it still reads. */
  private boolean mayOvertake() {
    return store.leavesOut();
  }

  private void slots(int from, Frame frame) {
    ShardCopy copy = held(from, frame, false);
    List<TensorBuffer> slots = copy.slots();
    for (int slot = 0; slot < slots.size(); slot++) {
      post.send(
          from,
          new Frame(
              Kind.SLOT,
              frame.shard(),
              frame.worker(),
              frame.step(),
              0,
              slot,
              copy.updates(),
              slots.get(slot).count()),
          Optional.of(slots.get(slot)));
    }
    if (slots.isEmpty()) {
      post.send(
          from,
          new Frame(
              Kind.SLOT, frame.shard(), frame.worker(), frame.step(), 0, 0, copy.updates(), 0),
          Optional.empty());
    }
  }

  @Override
  public void close() {
    unwanted.close();
    blocks.forEach(NativeMemory.Block::close);
    blocks.clear();
  }
}
