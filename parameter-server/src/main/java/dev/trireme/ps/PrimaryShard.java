package dev.trireme.ps;

import dev.trireme.api.tensor.NativeMemory;
import dev.trireme.api.tensor.TensorBuffer;
import dev.trireme.ps.shard.Room;
import dev.trireme.ps.shard.ShardCopy;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * What is under way for a shard of which a {@link ShardServer} is the primary.
 *
 * <p>Threading: the server's.
 */
final class PrimaryShard implements AutoCloseable {
  final ShardCopy copy;
  final OptionalInt backup;

  /** By worker, the step of a push that the backup has yet to take in; 0 where there is none. */
  final long[] unreplicated;

  /** By worker, the step that it wants to begin; 0 where it wants nothing. */
  final long[] wanted;

  /** By worker, rows that are wanted; empty where all are. */
  final List<Optional<int[]>> rows = new ArrayList<>();

  /** By worker, room for the rows that it asks for. */
  final Room[] wishes;

  /** Pushes that wait until the backup has its copy. */
  final List<Frame> deferred = new ArrayList<>();

  /** A step is applied here, and the backup has yet to apply it. */
  boolean applying;

  /** The backup's copy is under way: nothing of this one may change. */
  boolean copying;

  /** It is to be handed over to the backup. */
  boolean handsOver;

  /** The backup has been told to take over: nothing is taken in any more. */
  boolean leaving;

  private final Room[] outgoing;
  private final TensorBuffer shown;
  private long shownUpdates = -1;
  private int readers;

  /** What goes to a worker, and what is to be done once it is there. */
  record Answer(TensorBuffer values, Runnable sent) {}

  /**
   * @param shown room for the values in memory that workers of this host read in place
   */
  PrimaryShard(ShardCopy copy, OptionalInt backup, TensorBuffer shown) {
    this.copy = copy;
    this.shown = shown;
    this.backup = backup;
    int workers = copy.clocks().workers();
    this.unreplicated = new long[workers];
    this.wanted = new long[workers];
    this.wishes = new Room[workers];
    this.outgoing = new Room[workers];
    for (int worker = 0; worker < workers; worker++) {
      wishes[worker] = new Room();
      outgoing[worker] = new Room();
      rows.add(Optional.empty());
    }
  }

  /** Whether the backup holds exactly what this copy does, and nothing is under way to it. */
  boolean isQuiet() {
    return !leaving
        && !copying
        && !applying
        && Arrays.stream(unreplicated).allMatch(step -> step == 0);
  }

  /** Whether a push of this worker waits: it reads nothing that lacks its own. */
  boolean hasDeferred(int worker) {
    return deferred.stream().anyMatch(push -> push.worker() == worker);
  }

  /** The rows that a pull wants; empty where it wants all. */
  Optional<int[]> rowsWanted(int from, Frame frame) {
    if (frame.weight() == 0) {
      return Optional.empty();
    }
    ByteBuffer wish = Room.view(wishes[frame.worker()].of(frame.bytes()));
    try {
      return Optional.of(copy.packing().rowNumbers(wish, (int) (frame.bytes() / 4)));
    } catch (IllegalArgumentException e) {
      throw frame.unexpected(from, "a server: " + e.getMessage());
    }
  }

  /**
   * Applies a step. Under bsp all have read what is shown by then, and the new values take its
   * place at once.
   *
   * @param mayOvertake as in {@link #all}
   */
  void apply(long who, long globalItems, boolean mayOvertake) {
    boolean together = copy.clocks().synchronous() && !mayOvertake;
    if (copy.apply(who, globalItems, together ? Optional.of(shown) : Optional.empty())) {
      shownUpdates = copy.updates();
    }
  }

  /**
   * All values, for a worker: as a rule from where workers of this host read them in place, copied
   * once for all that want the same. What a worker reads of a shard is never in part older and in
   * part newer: while somebody still reads older values, newer ones go through room of the worker's
   * own. Under bsp nothing changes before all have read, whatever the post knows of it.
   *
   * @param mayOvertake whether a step may be applied while a worker that was left out still reads
   */
  Answer all(int worker, boolean mayOvertake) {
    boolean together = copy.clocks().synchronous() && !mayOvertake;
    if (shownUpdates != copy.updates() && readers > 0 && !together) {
      TensorBuffer own = outgoing[worker].of(shown.byteCount());
      NativeMemory.copy(copy.values().address(), own.address(), own.byteCount());
      return new Answer(own, () -> {});
    }
    show();
    readers++;
    return new Answer(shown, () -> readers--);
  }

  /** Shows the values as they are now. */
  void show() {
    if (shownUpdates != copy.updates()) {
      NativeMemory.copy(copy.values().address(), shown.address(), shown.byteCount());
      shownUpdates = copy.updates();
    }
  }

  /** Some rows, for a worker. */
  Answer chosen(int worker, int[] numbers) {
    long bytes = 4L * copy.shard().width();
    TensorBuffer chosen = outgoing[worker].of(bytes * numbers.length);
    long from = copy.values().address();
    for (int i = 0; i < numbers.length; i++) {
      NativeMemory.copy(from + bytes * numbers[i], chosen.address() + bytes * i, bytes);
    }
    return new Answer(chosen, () -> {});
  }

  @Override
  public void close() {
    for (int worker = 0; worker < wishes.length; worker++) {
      wishes[worker].close();
      outgoing[worker].close();
    }
  }
}
