package dev.trireme.allreduce.group;

import dev.trireme.allreduce.transport.SignalKind;
import dev.trireme.allreduce.transport.Transport;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.CollectiveException.Cause;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs the operations of one rank in the order in which they were started.
 *
 * <p>It has no thread of its own: whoever calls {@link #drive} holds it for a moment and moves
 * things on. Mostly that is the very thread that awaits a result, which would have nothing else to
 * do, so that no time is lost in handing over; while nobody awaits, a {@link Pump} drives it now
 * and then, so that buckets are exchanged while the training thread computes.
 */
final class Sequencer {
  /** Operations that may be in flight at once. */
  static final int MAX_IN_FLIGHT = 1024;

  /** Whoever waits for longer is not held to the nanosecond. */
  private static final long LONG_NANOS = Duration.ofDays(1000).toNanos();

  private static final Logger LOG = LoggerFactory.getLogger(Sequencer.class);

  /** What a call of {@link #drive} found. */
  enum Driven {
    MOVED,
    IDLE,
    /** Another thread is driving. */
    BUSY
  }

  private final Transport transport;
  private final Peers peers;
  private final Parcels parcels;
  private final Messages messages;
  private final long generation;
  private final Watch watch;
  private final boolean coreOfItsOwn;
  private final Queue<Operation> inbox = new ConcurrentLinkedQueue<>();
  private final AtomicInteger inFlight = new AtomicInteger();
  private final AtomicInteger awaiting = new AtomicInteger();
  private final AtomicBoolean held = new AtomicBoolean();
  private final AtomicReference<CollectiveException> failure = new AtomicReference<>();
  private final AtomicReference<String> abortRequest = new AtomicReference<>();
  private final Object startLock = new Object();
  // Made once: a rank's plain compiler makes a method reference anew, and slowly, at each use.
  private final Transport.Listener listener = this::onSignal;
  private final Operation.Announcer announcer = this::tellOf;
  private volatile boolean closed;
  private long started;
  // Below: whoever holds the sequencer.
  private final ArrayDeque<Operation> announced = new ArrayDeque<>();
  private final ArrayDeque<Operation> unannounced = new ArrayDeque<>();
  private long completed;
  private boolean headBegun;
  private final List<Message> endedMessages = new ArrayList<>();
  private Optional<CollectiveException> heardFailure = Optional.empty();

  Sequencer(Transport transport, Peers peers, Memory memory, long generation, Duration timeout) {
    this.transport = transport;
    this.peers = peers;
    this.parcels = new Parcels(transport, memory);
    this.messages = new Messages(transport, memory, parcels);
    this.generation = generation;
    this.watch = new Watch(transport, peers, generation, timeout);
    this.coreOfItsOwn = Runtime.getRuntime().availableProcessors() >= transport.worldSize();
  }

  /** Starts an operation; moves things on a little, but waits for nothing. */
  void start(Operation operation) {
    synchronized (startLock) {
      requireRoom();
      operation.number(++started);
      inbox.add(operation);
    }
    drive();
  }

  /** The same for a message between two ranks, which stands outside the order. */
  void start(Message message) {
    synchronized (startLock) {
      requireRoom();
      message.due(System.nanoTime());
      messages.start(message);
    }
    drive();
  }

  private void requireRoom() {
    requireUsable();
    if (inFlight.get() >= MAX_IN_FLIGHT) {
      throw new IllegalStateException(
          MAX_IN_FLIGHT + " operations are in flight, which is the limit; await some of them");
    }
    inFlight.incrementAndGet();
  }

  /** How bytes get to other ranks. */
  Parcels parcels() {
    return parcels;
  }

  /** Operations that were started and are not done. */
  int inFlight() {
    return inFlight.get();
  }

  /** Threads in {@link #await}. */
  int awaiting() {
    return awaiting.get();
  }

  /**
   * Drives until {@code operation} is done; its own deadline ends that.
   *
   * @return false when this time has passed before
   */
  boolean await(Operation operation, Duration atMost) {
    Pause pause = new Pause(coreOfItsOwn);
    long start = System.nanoTime();
    long nanos = atMost.toNanos();
    boolean limited = nanos < LONG_NANOS;
    awaiting.incrementAndGet();
    try {
      while (!operation.isDone()) {
        if (limited && System.nanoTime() - start >= nanos) {
          return false;
        }
        switch (drive()) {
          case MOVED -> pause.reset();
          case IDLE -> pause.idle();
          // The one who drives may need this very core.
          case BUSY -> Thread.yield();
        }
      }
      return true;
    } finally {
      awaiting.decrementAndGet();
    }
  }

  /** Has the operations in flight ended by whoever drives next. */
  void abort(String why) {
    abortRequest.compareAndSet(null, why);
  }

  /**
   * @throws CollectiveException when the group has failed or was aborted
   */
  void requireUsable() {
    CollectiveException first = failure.get();
    String aborted = abortRequest.get();
    if (first != null) {
      throw new CollectiveException(
          Cause.UNUSABLE,
          first.suspectRank(),
          "the process group of generation "
              + generation
              + " cannot be used any more since: "
              + first.getMessage());
    }
    if (aborted != null) {
      throw new CollectiveException(
          Cause.UNUSABLE,
          -1,
          "the process group of generation " + generation + " was aborted: " + aborted);
    }
  }

  /** Moves on whatever can be moved on, for a bounded time. */
  Driven drive() {
    if (closed) {
      // It may have been started just when the group was closed.
      inbox.forEach(operation -> operation.fail(failure.get()));
      messages.drain().forEach(message -> message.fail(failure.get()));
      return Driven.IDLE;
    }
    if (!held.compareAndSet(false, true)) {
      return Driven.BUSY;
    }
    try {
      return work() ? Driven.MOVED : Driven.IDLE;
    } catch (RuntimeException e) {
      fail(unexpected(e));
      return Driven.MOVED;
    } finally {
      held.set(false);
    }
  }

  /**
   * Ends all operations and says goodbye; waits until no other thread drives.
   *
   * @param atEnd run while nobody else can drive, now or later
   */
  void close(Runnable atEnd) {
    while (!held.compareAndSet(false, true)) {
      Thread.yield();
    }
    // Never released: nobody may touch the transport any more.
    String why = abortRequest.get();
    if (failure.get() == null && why != null) {
      fail(aborted(why));
    } else if (failure.get() == null) {
      fail(new CollectiveException(Cause.UNUSABLE, -1, "the process group was closed"), false);
      for (Peer peer : peers.others()) {
        transport.send(peer.rank(), SignalKind.LEFT, 0, 0, 0, "");
      }
    }
    closed = true;
    atEnd.run();
  }

  private boolean work() {
    if (failure.get() != null) {
      failPending(failure.get());
      return false;
    }
    String why = abortRequest.get();
    if (why != null) {
      fail(aborted(why));
      return true;
    }
    boolean moved = transport.poll(listener) > 0;
    moved |= announce();
    moved |= parcels.read(this::take) > 0;
    moved |= advanceHead();
    moved |= advanceMessages();
    if (moved) {
      return true;
    }
    // Only now: what the peer had done before it gave up may complete an operation here.
    if (heardFailure.isPresent()) {
      fail(heardFailure.get(), false);
      return true;
    }
    attend(System.nanoTime());
    return false;
  }

  private boolean take(int from, int phase, long operation, long offset, long address, int bytes) {
    if (phase == Messages.PHASE) {
      return messages.take(from, operation, offset, address, bytes);
    }
    Operation head = announced.peek();
    return head != null
        && headBegun
        && head.number() == operation
        && head.take(from, phase, offset, address, bytes);
  }

  private boolean advanceMessages() {
    boolean moved = messages.advance(endedMessages);
    if (!endedMessages.isEmpty()) {
      inFlight.addAndGet(-endedMessages.size());
      endedMessages.forEach(Operation::complete);
      endedMessages.clear();
    }
    return moved;
  }

  private boolean announce() {
    boolean moved = false;
    for (Operation next = inbox.poll(); next != null; next = inbox.poll()) {
      unannounced.add(next);
    }
    while (!unannounced.isEmpty()
        && unannounced.peek().announcedBefore(announced)
        && unannounced.peek().announce(announcer, peers.rank(), peers.worldSize())) {
      Operation operation = unannounced.remove();
      if (announced.isEmpty()) {
        operation.due(System.nanoTime());
      }
      announced.add(operation);
      moved = true;
    }
    return moved;
  }

  private boolean tellOf(int peer, Operation operation) {
    return transport.send(
        peer,
        SignalKind.READY,
        operation.number(),
        operation.place(),
        operation.signature().encoded(),
        "");
  }

  private boolean advanceHead() {
    Operation head = announced.peek();
    if (head == null || !peers.haveStarted(head.number())) {
      return false;
    }
    if (!headBegun) {
      requireSame(head);
      head.begin();
      headBegun = true;
    }
    Operation.Outcome outcome = head.advance();
    if (outcome == Operation.Outcome.DONE) {
      announced.remove();
      headBegun = false;
      completed++;
      if (!announced.isEmpty()) {
        announced.peek().due(System.nanoTime());
      }
      inFlight.decrementAndGet();
      head.complete();
    }
    return outcome != Operation.Outcome.WAITING;
  }

  private void requireSame(Operation head) {
    for (Peer peer : peers.others()) {
      long theirs = peer.what(head.number());
      if (theirs != head.signature().encoded()) {
        throw watch.verdict(
            Cause.MISMATCH,
            peer.rank(),
            "rank " + peer.rank() + " started " + Signature.decode(theirs) + " in its place",
            head,
            System.nanoTime());
      }
    }
  }

  /** What there is to do while nothing arrives. */
  private void attend(long now) {
    watch.beat(completed, inFlight.get(), now);
    Operation head = announced.isEmpty() ? unannounced.peek() : announced.peek();
    if (head != null) {
      head.due(now);
      check(head, now);
    }
    messages.oldest().ifPresent(message -> check(message, now));
  }

  private void check(Operation operation, long now) {
    Optional<CollectiveException> doomed = watch.check(operation, now);
    // What a peer said last may still be unread, and be all that was missing.
    if (doomed.isPresent() && transport.poll(listener) == 0) {
      throw doomed.get();
    }
  }

  /** Must not throw: the transport would take that for a fault of its own. */
  private void onSignal(
      int from, SignalKind kind, long operation, long first, long second, String text) {
    if (kind == SignalKind.FAILED) {
      heardFailure =
          Optional.of(
              new CollectiveException(
                  Cause.values()[Math.floorMod(first, Cause.values().length)],
                  (int) second,
                  "rank " + from + " gave the group up: " + text));
      return;
    }
    Peer peer = peers.get(from);
    switch (kind) {
      case HELLO -> {}
      case PARCEL, RECEIPT -> {
        peer.heard(System.nanoTime());
        parcels.hear(from, kind, operation, first, second);
      }
      case OFFER, WANT, FETCHED -> {
        peer.heard(System.nanoTime());
        messages.hear(from, kind, operation, first, second);
      }
      default -> hearOfOrder(peer, kind, operation, first, second);
    }
  }

  private void hearOfOrder(Peer peer, SignalKind kind, long operation, long first, long second) {
    if (!peer.hear(kind, operation, first, second, completed, System.nanoTime())) {
      heardFailure =
          Optional.of(
              new CollectiveException(
                  Cause.MISMATCH,
                  peer.rank(),
                  "generation "
                      + generation
                      + ": operation "
                      + operation
                      + " out of turn; "
                      + peer.lastSeen(System.nanoTime())
                      + ", while this rank has completed "
                      + completed));
    }
  }

  private void fail(CollectiveException why) {
    fail(why, true);
  }

  private void fail(CollectiveException why, boolean tell) {
    failure.compareAndSet(null, why);
    failPending(failure.get());
    if (tell) {
      LOG.warn("{}", why.getMessage());
      for (Peer peer : peers.others()) {
        transport.send(
            peer.rank(),
            SignalKind.FAILED,
            completed,
            why.reason().ordinal(),
            why.suspectRank(),
            why.getMessage());
      }
    }
  }

  private void failPending(CollectiveException why) {
    for (Operation next = inbox.poll(); next != null; next = inbox.poll()) {
      unannounced.add(next);
    }
    announced.addAll(unannounced);
    unannounced.clear();
    inFlight.addAndGet(-announced.size());
    List<Operation> failed = new ArrayList<>(announced);
    announced.clear();
    List<Message> open = messages.drain();
    inFlight.addAndGet(-open.size());
    failed.addAll(open);
    failed.forEach(operation -> operation.fail(why));
  }

  private CollectiveException aborted(String why) {
    Operation head = announced.peek();
    return head == null
        ? new CollectiveException(
            Cause.ABORTED, -1, "generation " + generation + " was aborted: " + why)
        : watch.verdict(Cause.ABORTED, -1, "aborted: " + why, head, System.nanoTime());
  }

  private CollectiveException unexpected(RuntimeException e) {
    if (e instanceof CollectiveException known) {
      return known;
    }
    CollectiveException wrapped =
        new CollectiveException(
            Cause.UNUSABLE,
            peers.rank(),
            "generation " + generation + ": rank " + peers.rank() + ": " + e.getMessage());
    wrapped.initCause(e);
    return wrapped;
  }
}
