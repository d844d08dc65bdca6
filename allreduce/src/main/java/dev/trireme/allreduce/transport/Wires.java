package dev.trireme.allreduce.transport;

import dev.trireme.allreduce.transport.Transport.Receiver;
import dev.trireme.api.tensor.NativeMemory;
import io.aeron.ExclusivePublication;
import io.aeron.Image;
import io.aeron.Publication;
import io.aeron.Subscription;
import io.aeron.logbuffer.BufferClaim;
import io.aeron.logbuffer.ControlledFragmentHandler;
import io.aeron.logbuffer.Header;
import org.agrona.DirectBuffer;

/**
 * The streams of bytes between a rank and the ranks of other hosts, beside those of signals: so
 * bytes that nobody wants yet never stand in the way of a heartbeat or an abort.
 *
 * <p>A frame is claimed in the log and filled there; the receiver is handed the fragment where it
 * lies. So bytes are copied once on either side, by whoever has a use for the copy; the rest is the
 * media driver's and the kernel's. A receiver that does not want a fragment yet leaves it, which in
 * the end makes the sender wait.
 *
 * <p>Frame: phase, operation, offset, 8 bytes each, 8 unused; then the bytes.
 */
final class Wires {
  /** A multiple of 32, so that elements are aligned as the frame is. */
  private static final int HEADER_BYTES = 32;

  private static final int AERON_HEADER_BYTES = 32;
  private static final int PHASE = 0;
  private static final int OPERATION = 8;
  private static final int OFFSET = 16;
  private static final int FRAGMENTS_PER_POLL = 8;

  private final long formation;
  private final int frameBytes;
  private final ExclusivePublication[] publications;
  private final Subscription[] subscriptions;
  private final ControlledFragmentHandler[] handlers;
  private final BufferClaim claim = new BufferClaim();
  private Receiver receiver = (from, phase, operation, offset, address, bytes) -> false;
  private RuntimeException thrown;
  private int taken;

  Wires(long formation, int mtu, int worldSize) {
    this.formation = formation;
    this.frameBytes = mtu - AERON_HEADER_BYTES - HEADER_BYTES & -64;
    this.publications = new ExclusivePublication[worldSize];
    this.subscriptions = new Subscription[worldSize];
    this.handlers = new ControlledFragmentHandler[worldSize];
  }

  /** Adds the streams to and from a peer. */
  void add(int peer, ExclusivePublication publication, Subscription subscription) {
    publications[peer] = publication;
    subscriptions[peer] = subscription;
    handlers[peer] = (buffer, offset, length, header) -> take(peer, buffer, offset, length, header);
  }

  int frameBytes() {
    return frameBytes;
  }

  /** As {@link Transport#write}. */
  int write(int to, int phase, long operation, long offset, long address, long bytes) {
    int length = (int) Math.min(bytes, frameBytes);
    long result = publications[to].tryClaim(HEADER_BYTES + length, claim);
    if (result == Publication.ADMIN_ACTION) {
      // The log has just been turned over.
      result = publications[to].tryClaim(HEADER_BYTES + length, claim);
    }
    if (result <= 0) {
      return 0;
    }
    int at = claim.offset();
    claim.buffer().putLong(at + PHASE, phase);
    claim.buffer().putLong(at + OPERATION, operation);
    claim.buffer().putLong(at + OFFSET, offset);
    NativeMemory.copy(address, claim.buffer().addressOffset() + at + HEADER_BYTES, length);
    claim.reservedValue(formation);
    claim.commit();
    return length;
  }

  /** As {@link Transport#read}. */
  int read(Receiver to) {
    receiver = to;
    taken = 0;
    for (int peer = 0; peer < subscriptions.length; peer++) {
      if (subscriptions[peer] != null) {
        subscriptions[peer].controlledPoll(handlers[peer], FRAGMENTS_PER_POLL);
      }
    }
    RuntimeException failed = thrown;
    if (failed != null) {
      thrown = null;
      throw failed;
    }
    return taken;
  }

  /** Where in the stream to a peer the next frame goes; 0 where there is none. */
  long written(int peer) {
    return publications[peer] == null ? 0 : publications[peer].position();
  }

  /** Whether a peer's stream has been read up to a position of its. */
  boolean hasRead(int peer, long position) {
    if (position <= 0) {
      return true;
    }
    for (Image image : subscriptions[peer].images()) {
      if (image.position() >= position) {
        return true;
      }
    }
    return false;
  }

  private ControlledFragmentHandler.Action take(
      int from, DirectBuffer buffer, int offset, int length, Header header) {
    if (header.reservedValue() != formation || length < HEADER_BYTES) {
      return ControlledFragmentHandler.Action.CONTINUE;
    }
    try {
      boolean wanted =
          receiver.take(
              from,
              (int) buffer.getLong(offset + PHASE),
              buffer.getLong(offset + OPERATION),
              buffer.getLong(offset + OFFSET),
              buffer.addressOffset() + offset + HEADER_BYTES,
              length - HEADER_BYTES);
      if (!wanted) {
        return ControlledFragmentHandler.Action.ABORT;
      }
      taken++;
      // At once, so that the sender may go on while the next fragment is worked on.
      return ControlledFragmentHandler.Action.COMMIT;
    } catch (RuntimeException e) {
      // Aeron would take it for a fault of its own.
      thrown = e;
      return ControlledFragmentHandler.Action.ABORT;
    }
  }
}
