package dev.trireme.allreduce.group;

import dev.trireme.allreduce.transport.Transport;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.CollectiveException.Cause;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Consumer;

/**
 * The operations of one rank that were started and are not done, in the order in which they were
 * started. Each is announced to the peers as soon as it may be; the oldest one runs once all peers
 * have announced the same.
 *
 * <p>Threading: any may {@link #add}; the rest is for whoever holds the sequencer.
 */
final class Line {
  private final Peers peers;
  private final Watch watch;
  private final FlightRecorder recorder;
  private final Operation.Announcer announcer;
  private final Consumer<Operation> sound;
  private final Queue<Operation> inbox = new ConcurrentLinkedQueue<>();
  private final ArrayDeque<Operation> announced = new ArrayDeque<>();
  private final ArrayDeque<Operation> unannounced = new ArrayDeque<>();
  private long completed;
  private boolean headBegun;

  /**
   * @param announcer tells a peer of an operation
   * @param sound asked of an operation before it counts as done; throws when its result is none
   */
  Line(
      Peers peers,
      Watch watch,
      FlightRecorder recorder,
      Operation.Announcer announcer,
      Consumer<Operation> sound) {
    this.peers = peers;
    this.watch = watch;
    this.recorder = recorder;
    this.announcer = announcer;
    this.sound = sound;
  }

  /** Puts an operation at the end. */
  void add(Operation operation) {
    inbox.add(operation);
  }

  /** Operations that are done. */
  long completed() {
    return completed;
  }

  /** Announces what may be announced; says whether that was anything. */
  boolean announce() {
    boolean moved = false;
    takeIn();
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

  private void takeIn() {
    for (Operation next = inbox.poll(); next != null; next = inbox.poll()) {
      unannounced.add(next);
    }
  }

  /** The one that runs or is the next to; empty while none is announced. */
  Optional<Operation> head() {
    return Optional.ofNullable(announced.peek());
  }

  /** The oldest, announced or not. */
  Optional<Operation> oldest() {
    return Optional.ofNullable(announced.isEmpty() ? unannounced.peek() : announced.peek());
  }

  /** Gives the one that runs what a peer has written for it; false when it is for another. */
  boolean take(int from, int phase, long operation, long offset, long address, int bytes) {
    Operation head = announced.peek();
    return head != null
        && headBegun
        && head.number() == operation
        && head.take(from, phase, offset, address, bytes);
  }

  /** As {@link Transport.Receiver#place}, of the one that runs. */
  long place(int from, int phase, long operation, long offset, int bytes) {
    Operation head = announced.peek();
    return head != null && headBegun && head.number() == operation
        ? head.place(from, phase, offset, bytes)
        : 0;
  }

  /**
   * Moves the oldest one on.
   *
   * @param done takes it when it is done, for whoever awaits it
   * @return whether anything was moved
   */
  boolean advance(Consumer<Operation> done) {
    Operation head = announced.peek();
    if (head == null || !peers.haveStarted(head.number())) {
      return false;
    }
    if (!headBegun) {
      requireSame(head);
      head.begin();
      recorder.begun(head, System.nanoTime());
      headBegun = true;
    }
    Operation.Outcome outcome = head.advance();
    if (outcome != Operation.Outcome.WAITING) {
      recorder.moved(head);
    }
    if (outcome == Operation.Outcome.DONE) {
      sound.accept(head);
      recorder.ended(head, true, System.nanoTime());
      announced.remove();
      headBegun = false;
      completed++;
      if (!announced.isEmpty()) {
        announced.peek().due(System.nanoTime());
      }
      done.accept(head);
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

  /** Takes out all that are left, which will never be done; the oldest first. */
  List<Operation> drain() {
    takeIn();
    announced.addAll(unannounced);
    unannounced.clear();
    List<Operation> left = new ArrayList<>(announced);
    announced.clear();
    for (Operation operation : left) {
      recorder.moved(operation);
      recorder.ended(operation, false, System.nanoTime());
    }
    return left;
  }

  /** Fails what was added after the last drain, by whoever holds nothing. */
  void failLate(CollectiveException why) {
    inbox.forEach(operation -> operation.fail(why));
  }
}
