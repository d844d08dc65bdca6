package dev.trireme.allreduce.transport;

import dev.trireme.allreduce.transport.Transport.Listener;
import io.aeron.ExclusivePublication;
import io.aeron.Publication;
import io.aeron.Subscription;
import io.aeron.logbuffer.BufferClaim;
import io.aeron.logbuffer.ControlledFragmentHandler;
import io.aeron.logbuffer.FragmentHandler;
import io.aeron.logbuffer.Header;
import java.util.function.Consumer;
import org.agrona.DirectBuffer;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * The streams of signals between a rank and all others, of its host or of another. A signal is one
 * small frame: kind, operation and two numbers, 8 bytes each, then the text. Frames of another
 * formation are dropped.
 *
 * <p>Threading: one thread at a time.
 */
final class Signals {
  private static final SignalKind[] KINDS = SignalKind.values();
  private static final int FRAGMENTS_PER_POLL = 32;
  private static final int KIND = 0;
  private static final int OPERATION = 8;
  private static final int FIRST = 16;
  private static final int SECOND = 24;
  private static final int TEXT = 32;

  private final long formation;
  private final Consumer<String> closed;
  private final ExclusivePublication[] publications;
  private final Subscription[] subscriptions;
  private final FragmentHandler[] handlers;
  private final BufferClaim claim = new BufferClaim();
  private final UnsafeBuffer textBytes = new UnsafeBuffer(new byte[Transport.MAX_TEXT]);
  private Listener listener = Signals::ignore;
  private int delivered;

  /**
   * @param closed told when a stream turns out to be closed
   */
  Signals(long formation, int worldSize, Consumer<String> closed) {
    this.formation = formation;
    this.closed = closed;
    this.publications = new ExclusivePublication[worldSize];
    this.subscriptions = new Subscription[worldSize];
    this.handlers = new FragmentHandler[worldSize];
  }

  /** Adds the streams to and from a peer. */
  void add(int peer, ExclusivePublication publication, Subscription subscription) {
    publications[peer] = publication;
    subscriptions[peer] = subscription;
    handlers[peer] = (buffer, offset, length, header) -> take(peer, buffer, offset, length, header);
  }

  /** As {@link Transport#send}. */
  boolean send(int to, SignalKind kind, long operation, long first, long second, String text) {
    int textLength = text.isEmpty() ? 0 : textBytes.putStringWithoutLengthAscii(0, cut(text));
    long result = publications[to].tryClaim(TEXT + textLength, claim);
    if (result == Publication.ADMIN_ACTION) {
      // A term was full: that has begun the next one, in which there is room.
      result = publications[to].tryClaim(TEXT + textLength, claim);
    }
    if (result <= 0) {
      if (result == Publication.CLOSED || result == Publication.MAX_POSITION_EXCEEDED) {
        closed.accept("the stream to rank " + to + " is closed");
      }
      return false;
    }
    int offset = claim.offset();
    claim.buffer().putLong(offset + KIND, kind.ordinal());
    claim.buffer().putLong(offset + OPERATION, operation);
    claim.buffer().putLong(offset + FIRST, first);
    claim.buffer().putLong(offset + SECOND, second);
    claim.buffer().putBytes(offset + TEXT, textBytes, 0, textLength);
    claim.reservedValue(formation);
    claim.commit();
    return true;
  }

  /** Hands over what has arrived from all peers, a bounded number; says how many. */
  int poll(Listener to) {
    listener = to;
    delivered = 0;
    for (int peer = 0; peer < subscriptions.length; peer++) {
      if (subscriptions[peer] != null) {
        subscriptions[peer].poll(handlers[peer], FRAGMENTS_PER_POLL);
      }
    }
    return delivered;
  }

  /** Hands over one signal of {@code peer} if there is one. */
  int pollOne(int peer, Listener to) {
    listener = to;
    delivered = 0;
    subscriptions[peer].poll(handlers[peer], 1);
    return delivered;
  }

  /** The same, but leaves all but HELLO and FAILED where it is, for who listens later. */
  int peekOne(int peer, Listener to) {
    listener = to;
    delivered = 0;
    subscriptions[peer].controlledPoll(
        (buffer, offset, length, header) -> {
          if (header.reservedValue() == formation && length >= TEXT) {
            long kind = buffer.getLong(offset + KIND);
            if (kind != SignalKind.HELLO.ordinal() && kind != SignalKind.FAILED.ordinal()) {
              return ControlledFragmentHandler.Action.ABORT;
            }
            take(peer, buffer, offset, length, header);
          }
          return ControlledFragmentHandler.Action.BREAK;
        },
        1);
    return delivered;
  }

  /** Whether there are streams to and from this rank. */
  boolean knows(int peer) {
    return publications[peer] != null;
  }

  /** Whether nothing arrives from a peer any more. */
  boolean hasEnded(int peer) {
    return subscriptions[peer].hasNoImages();
  }

  /** Whether the peer receives; of a stream that was closed nothing is known against it. */
  boolean isHeard(int peer) {
    return publications[peer].isClosed() || publications[peer].isConnected();
  }

  private void take(int from, DirectBuffer buffer, int offset, int length, Header header) {
    int kind = length < TEXT ? -1 : (int) buffer.getLong(offset + KIND);
    if (header.reservedValue() != formation || kind < 0 || kind >= KINDS.length) {
      return;
    }
    delivered++;
    listener.onSignal(
        from,
        KINDS[kind],
        buffer.getLong(offset + OPERATION),
        buffer.getLong(offset + FIRST),
        buffer.getLong(offset + SECOND),
        length == TEXT ? "" : buffer.getStringWithoutLengthAscii(offset + TEXT, length - TEXT));
  }

  private static String cut(String text) {
    return text.length() <= Transport.MAX_TEXT
        ? text
        : text.substring(0, Transport.MAX_TEXT - 3) + "...";
  }

  /** A listener to whom nothing matters. */
  static void ignore(
      int from, SignalKind kind, long operation, long first, long second, String text) {}
}
