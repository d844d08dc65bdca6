package dev.trireme.allreduce.group;

import dev.trireme.allreduce.transport.SignalKind;
import dev.trireme.allreduce.transport.Transport;
import dev.trireme.api.collective.CollectiveException;
import dev.trireme.api.collective.CollectiveException.Cause;
import dev.trireme.api.tensor.NativeMemory;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Function;

/**
 * Messages between two ranks, beside the collectives. The sender offers a message; the receiver
 * takes the oldest offer with its tag. If it can address the sender's buffer it reads it there and
 * says so; else it asks for the bytes, and only then are they sent. So bytes never arrive for which
 * no buffer is waiting, and what collectives send behind them is never held up.
 *
 * <p>Bounds: a rank has at most {@link InFlight#MAX} operations in flight, so that no peer holds
 * more offers of it.
 *
 * <p>Threading: {@link #start} any; the rest whoever holds the sequencer.
 */
final class Messages {
  /** The phase of messages' bytes; those of collectives are lower. */
  static final int PHASE = 255;

  private static final int PIECE_BYTES = 256 << 10;
  private static final long KEY = (1L << 32) - 1;

  private record Offer(int from, long key, int tag, long place, long what) {}

  private final Transport transport;
  private final Memory memory;
  private final Parcels parcels;
  private final Function<Message, CollectiveException> unsound;
  private final Queue<Message> inbox = new ConcurrentLinkedQueue<>();
  private final List<Message> sends = new ArrayList<>();
  private final List<Message> unmatched = new ArrayList<>();
  private final List<Message> receives = new ArrayList<>();
  private final List<Message> unoffered = new ArrayList<>();
  private final List<List<Message>> stages = List.of(sends, receives, unmatched, unoffered);
  private final List<Offer> offers = new ArrayList<>();
  private final List<Offer> reading = new ArrayList<>();
  private final BitSet refusing = new BitSet();
  private final long[] keys;

  /**
   * @param unsound why what was read of a message is nothing: its sender has given up
   */
  Messages(
      Transport transport,
      Memory memory,
      Parcels parcels,
      Function<Message, CollectiveException> unsound) {
    this.transport = transport;
    this.memory = memory;
    this.parcels = parcels;
    this.unsound = unsound;
    this.keys = new long[transport.worldSize()];
  }

  void start(Message message) {
    inbox.add(message);
  }

  /** Takes an OFFER, WANT or FETCHED. An offer's number has its tag in the upper half. */
  void hear(int from, SignalKind kind, long key, long first, long second) {
    switch (kind) {
      case OFFER -> offers.add(new Offer(from, key & KEY, (int) (key >>> 32), first, second));
      case WANT -> find(sends, from, key).ifPresent(Message::want);
      case FETCHED ->
          find(sends, from, key)
              .ifPresent(
                  message -> {
                    message.want();
                    message.add(message.buffer().byteCount());
                  });
      default -> throw new IllegalStateException(kind + " is about no message");
    }
  }

  /** Moves on; says whether anything was done. Those done are given to {@code ended}. */
  boolean advance(List<Message> ended) {
    boolean moved = false;
    for (Message next = inbox.poll(); next != null; next = inbox.poll()) {
      (next.sending() ? unoffered : unmatched).add(next);
      moved = true;
    }
    moved |= offer();
    moved |= match();
    moved |= send(ended);
    return moved | read(ended);
  }

  private boolean offer() {
    boolean moved = false;
    while (!unoffered.isEmpty()) {
      Message message = unoffered.get(0);
      long key = (keys[message.peer()] + 1) & KEY;
      if (!transport.send(
          message.peer(),
          SignalKind.OFFER,
          (long) message.tag() << 32 | key,
          memory.place(message.buffer()),
          message.signature().encoded(),
          "")) {
        break;
      }
      keys[message.peer()] = key;
      message.key(key);
      sends.add(message);
      unoffered.remove(0);
      moved = true;
    }
    return moved;
  }

  private boolean match() {
    boolean moved = false;
    refusing.clear();
    for (Iterator<Message> all = unmatched.iterator(); all.hasNext() && !offers.isEmpty(); ) {
      Message message = all.next();
      Optional<Offer> offer =
          offers.stream()
              .filter(o -> o.from() == message.peer() && o.tag() == message.tag())
              .findFirst();
      if (offer.isEmpty() || refusing.get(message.peer())) {
        continue;
      }
      if (accept(message, offer.get())) {
        offers.remove(offer.get());
        all.remove();
        moved = true;
      } else {
        // A later receive would else be given the offer that this one is to have.
        refusing.set(message.peer());
      }
    }
    return moved;
  }

  /** Gives a receive its offer; false when the sender cannot be asked for it just now. */
  private boolean accept(Message message, Offer offer) {
    if (offer.what() != message.signature().encoded()) {
      throw new CollectiveException(
          Cause.MISMATCH,
          offer.from(),
          "rank "
              + transport.rank()
              + " has a "
              + message
              + ", but rank "
              + offer.from()
              + " sent a "
              + Signature.decode(offer.what()));
    }
    message.key(offer.key());
    if (offer.place() != 0 && transport.hosts().together(offer.from(), transport.rank())) {
      reading.add(offer);
    } else if (!transport.send(offer.from(), SignalKind.WANT, offer.key(), 0, 0, "")) {
      return false;
    }
    receives.add(message);
    return true;
  }

  private boolean send(List<Message> ended) {
    boolean moved = false;
    for (Iterator<Message> all = sends.iterator(); all.hasNext(); ) {
      Message message = all.next();
      long left = message.buffer().byteCount() - message.bytes();
      long enough = left - PIECE_BYTES;
      for (int taken = 1;
          message.wanted() && left > Math.max(0, enough) && taken > 0;
          left -= taken) {
        long from = message.buffer().address() + message.bytes();
        taken = parcels.write(message.peer(), PHASE, message.key(), message.bytes(), from, left);
        message.add(taken);
        moved |= taken > 0;
      }
      if (message.wanted() && left == 0) {
        all.remove();
        ended.add(message);
        moved = true;
      }
    }
    return moved;
  }

  /** Reads, in the peers' memory, what lies there; ends what has been received. */
  private boolean read(List<Message> ended) {
    boolean moved = false;
    for (Iterator<Offer> all = reading.iterator(); all.hasNext(); ) {
      Offer offer = all.next();
      Message message = find(receives, offer.from(), offer.key()).orElseThrow();
      long left = message.buffer().byteCount() - message.bytes();
      long piece = Math.min(PIECE_BYTES, left);
      NativeMemory.copy(
          memory.address(offer.from(), offer.place()) + message.bytes(),
          message.buffer().address() + message.bytes(),
          piece);
      message.add(piece);
      moved |= piece > 0;
      requireSound(message);
      if (piece == left
          && transport.send(offer.from(), SignalKind.FETCHED, offer.key(), 0, 0, "")) {
        all.remove();
        receives.remove(message);
        ended.add(message);
        moved = true;
      }
    }
    for (Iterator<Message> all = receives.iterator(); all.hasNext(); ) {
      Message message = all.next();
      if (message.bytes() == message.buffer().byteCount() && !isRead(message)) {
        all.remove();
        ended.add(message);
        moved = true;
      }
    }
    return moved;
  }

  /**
   * A sender that has given up may have used the buffer for something else since. It marks that
   * before, and this looks after it has read. A message counts as sent only once its sender has
   * been told that it was fetched: of one that is still being read, any mark means that it never
   * was, also that of a sender that closed its group.
   */
  private void requireSound(Message message) {
    if (memory.gaveUp(message.peer())) {
      throw unsound.apply(message);
    }
  }

  private boolean isRead(Message message) {
    return reading.stream().anyMatch(o -> o.from() == message.peer() && o.key() == message.key());
  }

  /** As {@link Transport.Receiver#place}, of a message that this rank has asked for. */
  long place(int from, long key, long offset, int bytes) {
    return find(receives, from, key)
        .filter(m -> offset == m.bytes() && offset + bytes <= m.buffer().byteCount())
        .map(m -> m.buffer().address() + offset)
        .orElse(0L);
  }

  /** Takes bytes of a message that this rank has asked for. */
  boolean take(int from, long key, long offset, long address, int bytes) {
    Optional<Message> found = find(receives, from, key);
    if (found.isEmpty()
        || offset != found.get().bytes()
        || offset + bytes > found.get().buffer().byteCount()) {
      throw new CollectiveException(
          Cause.MISMATCH,
          from,
          "rank "
              + from
              + " sent bytes of a message that rank "
              + transport.rank()
              + " has not asked for");
    }
    long to = found.get().buffer().address() + offset;
    if (to != address) {
      NativeMemory.copy(address, to, bytes);
    }
    found.get().add(bytes);
    return true;
  }

  /** Whether this rank does no more than wait for what peers have not yet sent. */
  boolean onlyListens() {
    return sends.isEmpty() && receives.isEmpty() && unoffered.isEmpty() && inbox.isEmpty();
  }

  /** The one that has been in flight for longest, if there is any. */
  Optional<Message> oldest() {
    Message oldest = null;
    for (List<Message> list : stages) {
      for (Message each : list) {
        if (oldest == null || each.dueSinceNanos() - oldest.dueSinceNanos() < 0) {
          oldest = each;
        }
      }
    }
    return Optional.ofNullable(oldest);
  }

  /** Adds all that are in flight, the oldest among them. */
  void addAllTo(List<Operation> list) {
    stages.forEach(list::addAll);
  }

  /** Takes all that are in flight away. */
  List<Message> drain() {
    List<Message> all = new ArrayList<>(inbox);
    inbox.clear();
    for (List<Message> list : stages) {
      all.addAll(list);
      list.clear();
    }
    reading.clear();
    return all;
  }

  private static Optional<Message> find(List<Message> in, int peer, long key) {
    return in.stream().filter(m -> m.peer() == peer && m.key() == key).findFirst();
  }
}
