package dev.trireme.ps;

import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import dev.trireme.ps.Frame.Kind;
import dev.trireme.ps.plan.Directory;
import dev.trireme.ps.shard.Clocks;
import dev.trireme.ps.shard.ShardCopy;
import dev.trireme.ps.shard.Staleness;
import dev.trireme.ps.shard.Wishes;
import java.util.List;
import java.util.Optional;
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
 * <p>A copy that a backup lacks is made while workers go on ({@link CopyDesk}); a shard is handed
 * over to its backup between two messages, when both hold the same, and workers say again to the
 * new primary what the old one has not answered.
 *
 * <p>Where one server leads all shards a step takes one message there and one back, see {@link
 * WholeSteps}.
 *
 * <p>With {@code drop}, shards may leave different workers out of a step.
 *
 * <p>Threading: one thread.
 */
final class ShardServer implements Post.Receiver, AutoCloseable {
  private final int workers;
  private final ShardStore store;
  private final Post post;
  private final Staleness staleness;
  private final Primaries primaries;
  private final NativeMemory.Block unwanted;
  private final PortionDesk portions;
  private final Wishes wishes;
  private final CopyDesk copies;
  private final Optional<WholeSteps> wholeSteps;
  private long globalItems;
  private int farewells;

  /**
   * @param server its number, from 0: rank {@code workers + server} of the group
   * @param store holds all that the directory says
   * @param backups whether shards have backups for good, or only while they are handed over
   * @param slab for all parameters, best where workers of this host read it in place
   * @param gradients where it can read those of each worker in place, for {@link WholeSteps}; empty
   *     where steps do not go that way
   */
  ShardServer(
      int server,
      ShardStore store,
      Directory directory,
      Post post,
      boolean backups,
      TensorBuffer slab,
      Staleness staleness,
      Optional<List<TensorBuffer>> gradients,
      Crew crew) {
    this.workers = store.workers();
    this.store = store;
    this.post = post;
    this.staleness = staleness;
    this.unwanted = NativeMemory.allocate(store.plan().largestMessage(), 64);
    this.portions = new PortionDesk(workers, post);
    // Those that are not asked for here are of the server that leads the first shard.
    this.wishes =
        store
            .copy(0)
            .map(copy -> Wishes.after(copy.clocks()))
            .orElse(new Wishes(new long[workers]));
    this.copies = new CopyDesk(store, post);
    this.primaries = new Primaries(store, post, backups, slab);
    for (int shard : directory.primariesOf(server)) {
      primaries.lead(store.copy(shard).orElseThrow(), directory.places().get(shard).backup());
    }
    this.wholeSteps = gradients.map(g -> new WholeSteps(primaries, post, staleness, g, crew));
  }

  /**
   * Sends backups the copies that they lack, ahead of all else that they will be told. Until such a
   * copy is whole the shard's pushes wait, for what is sent must not change; then primaries that
   * have more than their share hand some over.
   *
   * @param toCopy shards whose backups do not hold what their primaries do
   * @param handOvers shards to be handed over to their backups
   */
  void begin(List<Integer> toCopy, List<Integer> handOvers) {
    for (int shard : toCopy) {
      PrimaryShard primary = primaries.get(shard);
      if (primary != null) {
        primary.copying = true;
        copies.send(primary.copy, workers + primary.backup.orElseThrow());
      }
    }
    for (int shard : handOvers) {
      PrimaryShard primary = primaries.get(shard);
      if (primary != null) {
        primary.handsOver = true;
        handOverIfQuiet(primary);
      }
    }
  }

  /** This server is about to say that it sends no more: moves that are under way end here. */
  void takeLeave() {
    primaries.takeLeave();
    copies.takeLeave();
  }

  /** Shards that this server has handed over in this formation. */
  int handedOver() {
    return primaries.handedOver();
  }

  @Override
  public TensorBuffer target(int from, Frame frame) {
    if (frame.kind() == Kind.COPY || frame.kind() == Kind.COPY_PART) {
      return copies.target(from, frame);
    }
    if (from < workers && primaries.isGone(frame.shard())) {
      // The worker says it again to whom it is told of.
      return unwanted.buffer(DType.UINT8, frame.bytes());
    }
    if (frame.kind() == Kind.PULL) {
      ShardCopy copy = held(from, frame, false);
      if (frame.bytes() > 4L * copy.shard().rows() || frame.bytes() % 4 != 0) {
        throw frame.unexpected(from, "a server, with the rows of " + frame.bytes() + " bytes");
      }
      return primaries.get(frame.shard()).wishes[frame.worker()].of(frame.bytes());
    }
    if (frame.kind() == Kind.PORTIONS_FIX) {
      return portions.target(frame);
    }
    boolean replica = frame.kind() == Kind.REPLICATE;
    if (frame.kind() != Kind.PUSH && !replica) {
      throw frame.unexpected(from, "a server, with a payload");
    }
    ShardCopy copy = held(from, frame, replica);
    try {
      copy.packing().rows(frame.bytes());
    } catch (IllegalArgumentException e) {
      throw frame.unexpected(from, "a server: " + e.getMessage());
    }
    return switch (copy.clocks().rule(frame.worker(), frame.step())) {
      case HOLD, APPLY -> copy.inbox(frame.worker(), frame.bytes());
      // Several at once may be written there: nobody reads it.
      case DUPLICATE, LATE, EARLY -> unwanted.buffer(DType.UINT8, frame.bytes());
    };
  }

  /** Whether every worker has said that it will send no more. */
  boolean isDeserted() {
    return farewells == workers;
  }

  private ShardCopy held(int from, Frame frame, boolean asBackup) {
    boolean primary = primaries.has(frame.shard());
    if (primary == asBackup) {
      throw frame.unexpected(from, "a server that is not its " + (asBackup ? "backup" : "primary"));
    }
    return store
        .copy(frame.shard())
        .orElseThrow(() -> frame.unexpected(from, "a server that does not hold it"));
  }

  @Override
  public void handle(int from, Frame frame) {
    if (from < workers && frame.kind() != Kind.BYE && primaries.isGone(frame.shard())) {
      return;
    }
    switch (frame.kind()) {
      case COPY, COPY_PART -> copies.handle(from, frame);
      case COPIED -> copied(frame);
      case HAND_OVER -> primaries.takeOver(from, frame, held(from, frame, true));
      case TAKEN_OVER -> primaries.moved(frame);
      case PUSH -> push(from, frame);
      case STEP ->
          wholeSteps
              .orElseThrow(() -> frame.unexpected(from, "a server that does not see its gradients"))
              .step(from, frame);
      case REPLICATE -> replicate(from, frame);
      case REPLICATED -> replicated(frame);
      case PULL -> pull(from, frame);
      case APPLY -> {
        held(from, frame, true).apply(frame.mask(), frame.weight(), Optional.empty());
        post.send(from, frame.as(Kind.APPLIED, 0), Optional.empty());
      }
      case APPLIED -> {
        PrimaryShard primary = primaries.get(frame.shard());
        primary.applying = false;
        answer(primary);
        handOverIfQuiet(primary);
      }
      case SLOTS -> slots(from, frame);
      case PORTIONS -> {
        ShardCopy copy = held(from, frame, false);
        portions.asked(copy, frame, primaries.get(frame.shard()).backup);
      }
      case PORTIONS_FIX -> portions.fix(from, held(from, frame, true), frame);
      case PORTIONS_FIXED -> portions.fixed(held(from, frame, false), frame);
      case WISH -> wishes.wish((int) frame.weight());
      case LEAVE -> {
        PrimaryShard primary = primaries.get(frame.shard());
        held(from, frame, false).clocks().leave(frame.worker());
        applyIfComplete(primary);
        answer(primary);
        wholeSteps.ifPresent(WholeSteps::proceed);
      }
      case BYE -> farewells += from < workers ? 1 : 0;
      default -> throw frame.unexpected(from, "a server");
    }
  }

  private void copied(Frame frame) {
    PrimaryShard primary = primaries.get(frame.shard());
    primary.copying = false;
    List<Frame> waiting = List.copyOf(primary.deferred);
    primary.deferred.clear();
    waiting.forEach(push -> push(push.worker(), push));
    applyIfComplete(primary);
    answer(primary);
    handOverIfQuiet(primary);
  }

  /** Nobody is told of a move who may have said that it listens no more. */
  private void handOverIfQuiet(PrimaryShard primary) {
    if (farewells == 0) {
      primaries.handOverIfQuiet(primary);
    }
  }

  private void push(int from, Frame frame) {
    ShardCopy copy = held(from, frame, false);
    PrimaryShard primary = primaries.get(frame.shard());
    if (primary.copying) {
      primary.deferred.add(frame);
      return;
    }
    int worker = frame.worker();
    if (copy.clocks().synchronous()) {
      globalItems = frame.mask();
    } else if (frame.shard() == 0) {
      copy.portions().measured(worker, frame.weight(), frame.mask());
    }
    Clocks.Ruling ruling =
        copy.push(worker, frame.step(), frame.until(), frame.rate(), frame.weight(), frame.bytes());
    switch (ruling) {
      case HOLD, APPLY -> {
        if (primary.backup.isPresent()) {
          primary.unreplicated[worker] = frame.step();
          post.send(
              workers + primary.backup.getAsInt(),
              frame.as(Kind.REPLICATE, frame.bytes()),
              Optional.of(copy.inbox(worker, frame.bytes())));
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
    ShardCopy copy = held(from, frame, true);
    globalItems = copy.clocks().synchronous() ? frame.mask() : globalItems;
    Clocks.Ruling ruling =
        copy.push(
            frame.worker(),
            frame.step(),
            frame.until(),
            frame.rate(),
            frame.weight(),
            frame.bytes());
    if (ruling == Clocks.Ruling.EARLY) {
      throw frame.unexpected(from, "a backup that lacks the step before");
    }
    post.send(from, frame.as(Kind.REPLICATED, 0), Optional.empty());
  }

  private void replicated(Frame frame) {
    PrimaryShard primary = primaries.get(frame.shard());
    if (primary.unreplicated[frame.worker()] == frame.step()) {
      primary.unreplicated[frame.worker()] = 0;
      acknowledge(frame);
      handOverIfQuiet(primary);
    }
  }

  private void pull(int from, Frame frame) {
    ShardCopy copy = held(from, frame, false);
    PrimaryShard primary = primaries.get(frame.shard());
    copy.clocks().commit(frame.worker(), frame.step());
    primary.wanted[frame.worker()] = frame.step() + 1;
    primary.rows.set(frame.worker(), primary.rowsWanted(from, frame));
    applyIfComplete(primary);
    answer(primary);
  }

  private void applyIfComplete(PrimaryShard primary) {
    OptionalLong who = primary.copy.clocks().complete();
    if (who.isEmpty() || primary.copying) {
      return;
    }
    long step = primary.copy.clocks().applied() + 1;
    primary.apply(who.getAsLong(), globalItems, mayOvertake());
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
  private void answer(PrimaryShard primary) {
    Clocks clocks = primary.copy.clocks();
    for (int worker = 0; worker < workers && !primary.applying; worker++) {
      long step = primary.wanted[worker];
      if (step > 0 && clocks.mayBegin(worker, step) && !primary.hasDeferred(worker)) {
        primary.wanted[worker] = 0;
        long behind = clocks.behind(worker, step);
        staleness.add(behind);
        Optional<int[]> rows = primary.rows.get(worker);
        PrimaryShard.Answer values =
            rows.isPresent()
                ? primary.chosen(worker, rows.get())
                : primary.all(worker, mayOvertake());
        int shard = primary.copy.shard().index();
        long wish = shard == 0 ? wishes.begins(worker, step) : 0;
        post.send(
            worker,
            new Frame(
                Kind.VALUES, shard, worker, step - 1, 0, behind, wish, values.values().byteCount()),
            Optional.of(values.values()),
            values.sent());
      }
    }
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
              slots.get(slot).byteCount()),
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
    portions.close();
    primaries.close();
    copies.close();
  }
}
