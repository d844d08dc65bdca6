package dev.trireme.allreduce.group;

import dev.trireme.allreduce.transport.SignalKind;
import dev.trireme.allreduce.transport.Transport;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.CollectiveException.Cause;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
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
  /** Whoever waits for longer is not held to the nanosecond. */
  private static final long LONG_NANOS = Duration.ofDays(1000).toNanos();

  /** A peer that lives makes room within that, whatever it is at. */
  private static final long LEAVING_NANOS = TimeUnit.MILLISECONDS.toNanos(500);

  private static final long LEAVING_NAP_NANOS = TimeUnit.MICROSECONDS.toNanos(100);

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
  private final long generation;
  private final Watch watch;

  /** Across hosts a look is worth some calls of the kernel, and a thousand of them much time. */
  private final boolean spins;

  private final AtomicInteger awaiting = new AtomicInteger();
  private final AtomicBoolean held = new AtomicBoolean();
  private final Downfall downfall;
  private final FlightRecorder recorder = new FlightRecorder(System.nanoTime());
  private final Memory memory;
  private final Object startLock = new Object();
  // Made once: a rank's plain compiler makes a method reference anew, and slowly, at each use.
  private final Transport.Listener listener = this::onSignal;
  private volatile String label = "";
  private volatile boolean owes;
  private volatile boolean onlyListens;
  private volatile boolean closing;
  private volatile boolean closed;
  private long started;
  // Below: whoever holds the sequencer.
  private final InFlight inFlight;
  private Optional<Farewell> farewell = Optional.empty();

  Sequencer(Transport transport, Peers peers, Memory memory, long generation, Duration timeout) {
    this.transport = transport;
    this.peers = peers;
    this.memory = memory;
    this.parcels = new Parcels(transport, memory);
    this.generation = generation;
    this.watch = new Watch(transport, peers, parcels, generation, timeout);
    this.downfall = new Downfall(generation, peers.rank());
    this.inFlight =
        new InFlight(
            new Line(peers, watch, recorder, this::tellOf, this::requireSound),
            new Messages(transport, memory, parcels, message -> gaveUp(message, message.peer())),
            parcels);
    this.spins =
        Runtime.getRuntime().availableProcessors() >= transport.worldSize()
            && transport.hosts().count() == 1;
    transport.whileSlow(this::onSlowWork);
  }

  /** Starts an operation; moves things on a little, but waits for nothing. */
  void start(Operation operation) {
    synchronized (startLock) {
      requireUsable();
      inFlight.takeRoom();
      onlyListens = false;
      operation.number(++started);
      operation.label(label);
      recorder.enqueued(operation, System.nanoTime());
      inFlight.add(operation);
    }
    drive();
  }

  /** Says what the operations started from now on are for. */
  void label(String what) {
    label = what;
  }

  /** The last operations. */
  FlightRecorder recorder() {
    return recorder;
  }

  /** The same for a message between two ranks, which stands outside the order. */
  void start(Message message) {
    synchronized (startLock) {
      requireUsable();
      inFlight.takeRoom();
      onlyListens &= !message.sending();
      message.label(label);
      message.due(System.nanoTime());
      inFlight.add(message);
    }
    drive();
  }

  /** How bytes get to other ranks. */
  Parcels parcels() {
    return parcels;
  }

  /** Operations that were started and are not done. */
  int inFlight() {
    return inFlight.count();
  }

  /**
   * Whether some peer waits for what only driving brings it, though nothing is in flight here: an
   * operation is done when all of it is written, which is before all of it has arrived.
   */
  boolean owes() {
    return owes;
  }

  /**
   * Whether all that is in flight are messages that peers have not yet sent: no peer waits for this
   * rank to move anything on.
   */
  boolean onlyListens() {
    return onlyListens;
  }

  /** Threads in {@link #await}. */
  int awaiting() {
    return awaiting.get();
  }

  void patience(Duration least) {
    watch.patience(least);
  }

  /**
   * Drives until {@code operation} is done; its own deadline ends that.
   *
   * @return false when this time has passed before
   */
  boolean await(Operation operation, Duration atMost) {
    Pause pause = new Pause(spins);
    long start = System.nanoTime();
    long nanos = atMost.toNanos();
    boolean limited = nanos < LONG_NANOS;
    boolean interrupted = false;
    awaiting.incrementAndGet();
    try {
      while (!operation.isDone()) {
        // An interrupted thread cannot nap: it would take a core until the deadline.
        interrupted |= Thread.interrupted();
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
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /** Has the operations in flight ended by whoever drives next. */
  void abort(String why) {
    downfall.abort(why);
  }

  /**
   * @throws CollectiveException when the group has failed or was aborted
   */
  void requireUsable() {
    downfall.requireUsable();
  }

  /** Moves on whatever can be moved on, for a bounded time. */
  Driven drive() {
    if (closed) {
      // It may have been started just when the group was closed.
      inFlight.failLate(downfall.failure().orElseThrow());
      return Driven.IDLE;
    }
    if (!held.compareAndSet(false, true)) {
      return Driven.BUSY;
    }
    try {
      return work() ? Driven.MOVED : Driven.IDLE;
    } catch (RuntimeException | Error e) {
      // Of an error too: an operation cut short and taken up again would add twice.
      fail(downfall.ofError(e, peers.rank()));
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
    closing = true;
    while (!held.compareAndSet(false, true)) {
      Thread.yield();
    }
    // Never released: nobody may touch the transport any more.
    Optional<String> why = downfall.abortWanted();
    if (downfall.failure().isEmpty() && why.isPresent()) {
      fail(aborted(why.get()));
    } else if (downfall.failure().isEmpty()) {
      // A peer may need no more than to hear that this rank has started what it started.
      inFlight.announce();
      fail(new CollectiveException(Cause.UNUSABLE, -1, "the process group was closed"), false);
      takeLeave();
    }
    farewell.ifPresent(Farewell::say);
    closed = true;
    atEnd.run();
  }

  /**
   * Tells the peers that this rank has left. One whose log is full is told again, for a while: it
   * would take this rank for lost. Of those that go themselves, none need be told.
   */
  private void takeLeave() {
    long start = System.nanoTime();
    // An interrupted thread cannot nap, and would take the core that a peer needs to make room.
    boolean interrupted = Thread.interrupted();
    try {
      List<Peer> untold = peers.others();
      untold.removeIf(this::toldThatLeft);
      while (!untold.isEmpty()
          && System.nanoTime() - start < LEAVING_NANOS
          && transport.broken().isEmpty()
          && downfall.heard().isEmpty()) {
        if (transport.poll(listener) == 0) {
          LockSupport.parkNanos(LEAVING_NAP_NANOS);
        }
        untold.removeIf(
            peer -> peer.left() || transport.lost(peer.rank()).isPresent() || toldThatLeft(peer));
      }
    } catch (RuntimeException e) {
      LOG.warn(
          "the other ranks cannot be told that rank {} leaves: {}", peers.rank(), e.toString());
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private boolean toldThatLeft(Peer peer) {
    return transport.send(peer.rank(), SignalKind.LEFT, 0, 0, 0, "");
  }

  private boolean work() {
    Optional<CollectiveException> failure = downfall.failure();
    if (failure.isPresent()) {
      inFlight.fail(failure.get());
      farewell.ifPresent(Farewell::say);
      transport.tend();
      return false;
    }
    watch.beat(inFlight.completed(), inFlight.count(), System.nanoTime());
    Optional<String> why = downfall.abortWanted();
    if (why.isPresent()) {
      fail(aborted(why.get()));
      return true;
    }
    boolean moved = transport.poll(listener) > 0;
    moved |= inFlight.advance();
    if (moved) {
      return true;
    }
    // Only now: what the peer had done before it gave up may complete an operation here.
    Optional<CollectiveException> heard = downfall.heard();
    if (heard.isPresent()) {
      fail(heard.get(), false);
      return true;
    }
    attend(System.nanoTime());
    return false;
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

  /**
   * A peer that gave up while this rank was at work (or was stopped) may have used its buffers for
   * something else since: what was read of them is then no result, however complete it looks. The
   * peer says so in its memory before it writes anything else there, and this is read last.
   */
  private void requireSound(Operation head) {
    int peer = head.inPlace() ? memory.gaveUpBefore(head.number()) : -1;
    if (peer >= 0) {
      throw gaveUp(head, peer);
    }
  }

  /**
   * Why an operation fails whose peer has marked that it gave up; the peer's own word, if known.
   */
  private CollectiveException gaveUp(Operation operation, int peer) {
    long now = System.nanoTime();
    transport.poll(listener);
    return downfall
        .heard()
        .orElseGet(
            () ->
                watch.verdict(
                    Cause.PEER_LOST,
                    peer,
                    "rank " + peer + " gave the group up before it was complete there",
                    operation,
                    now));
  }

  /** Called now and then by work of the transport that takes long. */
  private void onSlowWork() {
    Optional<String> why = downfall.abortWanted();
    if (why.isPresent()) {
      throw aborted(why.get());
    }
    if (closing) {
      throw new CollectiveException(Cause.UNUSABLE, -1, "the process group was closed");
    }
    watch.beat(inFlight.completed(), inFlight.count(), System.nanoTime());
    transport.tend();
  }

  /** What there is to do while nothing arrives. */
  private void attend(long now) {
    owes = transport.owes();
    onlyListens = !owes && inFlight.onlyListens();
    Optional<Operation> oldest = inFlight.oldest();
    oldest.ifPresent(operation -> operation.due(now));
    Optional<Message> message = inFlight.oldestMessage();
    heed(oldest.flatMap(operation -> watch.check(operation, now)));
    heed(message.flatMap(operation -> watch.check(operation, now)));
    if ((oldest.isPresent() || message.isPresent()) && watch.isLookDue(now)) {
      heed(watch.lost(inFlight.pending(), now));
    }
  }

  private void heed(Optional<CollectiveException> doomed) {
    // What a peer said last may still be unread, and be all that was missing.
    if (doomed.isPresent() && transport.poll(listener) == 0) {
      throw doomed.get();
    }
  }

  /** Must not throw: the transport would take that for a fault of its own. */
  private void onSignal(
      int from, SignalKind kind, long operation, long first, long second, String text) {
    if (kind == SignalKind.FAILED) {
      downfall.hear(from, first, second, text);
      return;
    }
    Peer peer = peers.get(from);
    if (inFlight.hear(from, kind, operation, first, second)) {
      peer.heard(System.nanoTime());
    } else if (kind != SignalKind.HELLO) {
      hearOfOrder(peer, kind, operation, first, second);
    }
  }

  private void hearOfOrder(Peer peer, SignalKind kind, long operation, long first, long second) {
    if (!peer.hear(kind, operation, first, second, inFlight.completed(), System.nanoTime())) {
      downfall.hearNonsense(
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
                  + inFlight.completed()));
    }
  }

  private void fail(CollectiveException why) {
    fail(why, true);
  }

  private void fail(CollectiveException why, boolean tell) {
    boolean first = downfall.fail(why);
    if (first) {
      memory.giveUp(inFlight.completed());
      if (tell) {
        farewell = Optional.of(new Farewell(transport, inFlight.completed(), why));
      }
    }
    // Before anybody here learns of it, see requireSound.
    farewell.ifPresent(Farewell::say);
    boolean pending = inFlight.count() > 0;
    inFlight.fail(downfall.failure().orElseThrow());
    if (first && (pending || tell)) {
      LOG.warn("{}\nthe last operations:\n{}", why.getMessage(), recorder.table());
    }
  }

  private CollectiveException aborted(String why) {
    return inFlight
        .head()
        .map(head -> watch.verdict(Cause.ABORTED, -1, "aborted: " + why, head, System.nanoTime()))
        .orElseGet(
            () ->
                new CollectiveException(
                    Cause.ABORTED, -1, "generation " + generation + " was aborted: " + why));
  }
}
