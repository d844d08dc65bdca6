package dev.trireme.allreduce.group;

import dev.trireme.allreduce.transport.SignalKind;
import dev.trireme.api.collective.CollectiveException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;

/**
 * What a rank has started and not done: the collectives in their line, the messages beside them,
 * and the bytes that arrive for either.
 *
 * <p>Threading: {@link #takeRoom}, the adding, {@link #count} and {@link #failLate} any; the rest
 * whoever holds the sequencer.
 */
final class InFlight {
  /** Operations that may be in flight at once. */
  static final int MAX = 1024;

  private final Line line;
  private final Messages messages;
  private final Parcels parcels;
  private final Intake intake;
  private final AtomicInteger count = new AtomicInteger();
  private final List<Message> ended = new ArrayList<>();
  // Made once: a rank's plain compiler makes a method reference anew, and slowly, at each use.
  private final Consumer<Operation> done = this::done;

  InFlight(Line line, Messages messages, Parcels parcels) {
    this.line = line;
    this.messages = messages;
    this.parcels = parcels;
    this.intake = new Intake(line, messages);
  }

  /**
   * Takes room for one operation, which must be added then.
   *
   * @throws IllegalStateException when there is none
   */
  void takeRoom() {
    if (count.get() >= MAX) {
      throw new IllegalStateException(
          MAX + " operations are in flight, which is the limit; await some of them");
    }
    count.incrementAndGet();
  }

  void add(Operation operation) {
    line.add(operation);
  }

  void add(Message message) {
    messages.start(message);
  }

  /** Operations that were started and are not done. */
  int count() {
    return count.get();
  }

  /**
   * Tells peers of the collectives that have been started; says whether there was one to tell of.
   */
  boolean announce() {
    return line.announce();
  }

  /** Moves on whatever can be moved on, for a bounded time; says whether that was anything. */
  boolean advance() {
    boolean moved = line.announce();
    moved |= parcels.read(intake) > 0;
    moved |= line.advance(done);
    try {
      return moved | messages.advance(ended);
    } finally {
      // Also where a later one fails the group: these are in no list any more.
      completeEnded();
    }
  }

  private void completeEnded() {
    if (!ended.isEmpty()) {
      count.addAndGet(-ended.size());
      ended.forEach(Operation::complete);
      ended.clear();
    }
  }

  private void done(Operation operation) {
    count.decrementAndGet();
    operation.complete();
  }

  /** Takes a signal that is about bytes or messages; false when it is about neither. */
  boolean hear(int from, SignalKind kind, long operation, long first, long second) {
    switch (kind) {
      case PARCEL, RECEIPT -> parcels.hear(from, kind, operation, first, second);
      case OFFER, WANT, FETCHED -> messages.hear(from, kind, operation, first, second);
      default -> {
        return false;
      }
    }
    return true;
  }

  /** Collectives that are done. */
  long completed() {
    return line.completed();
  }

  /** The collective that runs or is the next to; empty while none is announced. */
  Optional<Operation> head() {
    return line.head();
  }

  /** The oldest collective, announced or not. */
  Optional<Operation> oldest() {
    return line.oldest();
  }

  /** The message that has been in flight for longest. */
  Optional<Message> oldestMessage() {
    return messages.oldest();
  }

  /** All that a peer's end may leave unfinished, the oldest collective first. */
  List<Operation> pending() {
    List<Operation> pending = new ArrayList<>();
    line.oldest().ifPresent(pending::add);
    messages.oldest().ifPresent(pending::add);
    messages.addAllTo(pending);
    return pending;
  }

  /** Whether all of it are messages that peers have not yet sent. */
  boolean onlyListens() {
    return line.oldest().isEmpty() && messages.onlyListens();
  }

  /** Ends all of it, the oldest collective first. */
  void fail(CollectiveException why) {
    parcels.takeBack();
    List<Operation> failed = line.drain();
    failed.addAll(messages.drain());
    count.addAndGet(-failed.size());
    failed.forEach(operation -> operation.fail(why));
  }

  /** Ends what was added after the last {@link #fail}, by whoever holds nothing. */
  void failLate(CollectiveException why) {
    line.failLate(why);
    messages.drain().forEach(message -> message.fail(why));
  }
}
