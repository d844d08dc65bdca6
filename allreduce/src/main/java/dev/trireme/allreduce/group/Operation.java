package dev.trireme.allreduce.group;

import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.Work;
import dev.trireme.api.tensor.DType;
import dev.trireme.api.tensor.TensorBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A collective in flight on one rank. The sequencer runs it: first it is announced to all peers,
 * then, once it is the oldest in flight and every peer has announced the same, it is advanced until
 * it is done. It never blocks; it moves on as far as it can and says how it went.
 */
abstract class Operation implements Work {
  /** How an attempt to move on went. */
  enum Outcome {
    /** Nothing could be done: a peer is waited for. */
    WAITING,
    /** Something was done, and there may be more. */
    MOVED,
    DONE
  }

  private static final Logger LOG = LoggerFactory.getLogger(Operation.class);

  /** The group's own deadline comes first. */
  private static final Duration FOR_EVER = Duration.ofDays(10_000);

  private final Sequencer sequencer;
  private final Signature signature;
  private final TensorBuffer buffer;
  private final TensorBuffer output;
  private final List<Consumer<Optional<CollectiveException>>> callbacks = new ArrayList<>();
  private long number;
  private String label = "";
  private int announcedTo;
  private boolean prepared;
  private boolean due;
  private long dueSinceNanos;
  private volatile boolean done;
  private CollectiveException failure;

  /** An operation on {@code buffer}. */
  Operation(Sequencer sequencer, Signature signature, TensorBuffer buffer) {
    this(sequencer, signature, buffer, buffer);
  }

  /** An operation that reads {@code input} and writes {@code output}. */
  Operation(Sequencer sequencer, Signature signature, TensorBuffer input, TensorBuffer output) {
    this.sequencer = sequencer;
    this.signature = signature;
    this.buffer = input;
    this.output = output;
  }

  /** An operation without a buffer. */
  Operation(Sequencer sequencer, Signature signature) {
    this(sequencer, signature, TensorBuffer.cpu(0, DType.UINT8, 0));
  }

  /**
   * Whether peers may be told of it while these earlier operations are in flight. Who has heard of
   * it may use this rank's buffer at once.
   */
  boolean announcedBefore(Collection<Operation> earlier) {
    return earlier.isEmpty();
  }

  /** Does what must be done before peers are told of it. */
  void prepare() {}

  /** Where this rank's buffer is for peers; 0 when they cannot address it. */
  abstract long place();

  /** Called once, when every peer has started the same operation. */
  abstract void begin();

  /** Moves on, for a bounded time. */
  abstract Outcome advance();

  /** Bytes this rank has worked through, and all that it has to; for the verdict. */
  abstract String done();

  /** Bytes this rank has worked through. */
  long bytesDone() {
    return 0;
  }

  /** The step of its plan that it is in, from 0; for people. */
  int stage() {
    return 0;
  }

  /**
   * Whether this rank reads or writes memory of its peers that belongs to their users, who may use
   * it again once their rank has given up.
   */
  boolean inPlace() {
    return false;
  }

  /** The peer whose stage is waited for, or -1. */
  abstract int awaited();

  final TensorBuffer buffer() {
    return buffer;
  }

  /** Whether none of these uses the memory that this one uses. */
  final boolean isApartFrom(Collection<Operation> others) {
    for (Operation other : others) {
      if (overlaps(other)) {
        return false;
      }
    }
    return true;
  }

  private boolean overlaps(Operation other) {
    return Buffers.overlap(buffer, other.buffer)
        || Buffers.overlap(buffer, other.output)
        || Buffers.overlap(output, other.buffer)
        || Buffers.overlap(output, other.output);
  }

  /**
   * As {@link dev.trireme.allreduce.transport.Transport.Receiver#place}; by default nowhere, but
   * through {@link #take}.
   */
  long place(int from, int phase, long offset, int bytes) {
    return 0;
  }

  /**
   * Takes bytes of a peer; the parameters are those of {@link
   * dev.trireme.allreduce.transport.Transport.Receiver}.
   *
   * @return false when it is not yet their turn
   */
  boolean take(int from, int phase, long offset, long address, int bytes) {
    return false;
  }

  final Signature signature() {
    return signature;
  }

  final long number() {
    return number;
  }

  /** Its number among the operations of the group, counted from 1; given when it is started. */
  final void number(long given) {
    number = given;
  }

  /** What it is for; empty when nobody has said. */
  final String label() {
    return label;
  }

  /** Says what it is for, before it is started. */
  final void label(String given) {
    label = given;
  }

  /** Tells one peer after the other; false when the rest must be told later. */
  final boolean announce(Announcer to, int rank, int worldSize) {
    if (!prepared) {
      prepare();
      prepared = true;
    }
    for (; announcedTo < worldSize; announcedTo++) {
      if (announcedTo != rank && !to.announce(announcedTo, this)) {
        return false;
      }
    }
    return true;
  }

  /** How peers are told. */
  interface Announcer {
    boolean announce(int peer, Operation operation);
  }

  /** Since when it has been the oldest in flight; its deadline counts from then. */
  final long dueSinceNanos() {
    return dueSinceNanos;
  }

  /** Says that it is the oldest in flight; the first time counts. */
  final void due(long now) {
    dueSinceNanos = due ? dueSinceNanos : now;
    due = true;
  }

  final void complete() {
    end(Optional.empty());
  }

  final void fail(CollectiveException why) {
    failure = why;
    end(Optional.of(why));
  }

  private void end(Optional<CollectiveException> why) {
    List<Consumer<Optional<CollectiveException>>> called;
    synchronized (callbacks) {
      if (done) {
        return;
      }
      done = true;
      called = List.copyOf(callbacks);
    }
    called.forEach(callback -> call(callback, why));
  }

  private void call(
      Consumer<Optional<CollectiveException>> callback, Optional<CollectiveException> why) {
    try {
      callback.accept(why);
    } catch (RuntimeException e) {
      LOG.warn("the callback of {} failed", this, e);
    }
  }

  @Override
  public final void whenDone(Consumer<Optional<CollectiveException>> callback) {
    synchronized (callbacks) {
      if (!done) {
        callbacks.add(callback);
        return;
      }
    }
    call(callback, Optional.ofNullable(failure));
  }

  @Override
  public final boolean isDone() {
    return done;
  }

  @Override
  public final void await() {
    await(FOR_EVER);
  }

  @Override
  public final boolean await(Duration atMost) {
    if (!done && !sequencer.await(this, atMost)) {
      return false;
    }
    if (failure != null) {
      CollectiveException mine =
          new CollectiveException(failure.reason(), failure.suspectRank(), failure.getMessage());
      mine.initCause(failure.getCause());
      throw mine;
    }
    return true;
  }

  @Override
  public String toString() {
    return "operation " + number + ", " + signature + (label.isEmpty() ? "" : " for " + label);
  }
}
