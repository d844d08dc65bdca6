package dev.trireme.allreduce.transport;

import dev.trireme.allreduce.transport.Transport.Receiver;
import io.aeron.Image;
import io.aeron.Subscription;
import io.aeron.logbuffer.ControlledFragmentHandler;
import io.aeron.logbuffer.FrameDescriptor;
import io.aeron.logbuffer.Header;
import io.aeron.protocol.DataHeaderFlyweight;
import io.aeron.protocol.HeaderFlyweight;
import org.agrona.BitUtil;
import org.agrona.DirectBuffer;
import org.agrona.UnsafeApi;

/**
 * The stream of bytes from one rank of another host. The receiver is handed the bytes where they
 * lie: in the buffer in which the kernel put them if they are the next of the stream and wanted
 * then, else later in the log. A receiver that does not want a fragment yet leaves it there, which
 * in the end makes the sender wait.
 *
 * <p>Threading: one thread at a time.
 */
final class InWire {
  private static final int FRAGMENTS_PER_POLL = 8;
  private static final Receiver NOBODY = (from, phase, operation, offset, at, bytes) -> false;

  private final int from;
  private final long formation;
  private final Subscription subscription;
  private final ControlledFragmentHandler handler = this::take;
  private Image image;
  // Anybody may send to a port; this one's sender has said something that was of this formation.
  private Image known;
  private Receiver receiver = NOBODY;
  private RuntimeException thrown;
  private int taken;

  InWire(int from, long formation, Subscription subscription) {
    this.from = from;
    this.formation = formation;
    this.subscription = subscription;
  }

  /** As {@link Transport#read}; counts what was taken since the last time. */
  int read(Receiver to) {
    receiver = to;
    subscription.controlledPoll(handler, FRAGMENTS_PER_POLL);
    if (thrown != null) {
      RuntimeException failed = thrown;
      thrown = null;
      throw failed;
    }
    int all = taken;
    taken = 0;
    return all;
  }

  /** Has nobody take anything any more. */
  void close() {
    receiver = NOBODY;
  }

  /** As {@link Datagrams#take}. */
  boolean take(DataHeaderFlyweight header, long address, int length) {
    int frame = header.frameLength();
    if (!isNext(header)
        || header.headerType() != HeaderFlyweight.HDR_TYPE_DATA
        || header.reservedValue() != formation
        || frame < Frame.AERON_BYTES + Frame.HEADER_BYTES
        || BitUtil.align(frame, FrameDescriptor.FRAME_ALIGNMENT) != length
        || !hand(address + Frame.AERON_BYTES, frame - Frame.AERON_BYTES)) {
      return false;
    }
    image.position(image.position() + length);
    known = image;
    return true;
  }

  private boolean isNext(DataHeaderFlyweight header) {
    if (image == null || image.isClosed() || image.sessionId() != header.sessionId()) {
      image = subscription.imageBySessionId(header.sessionId());
    }
    return image != null
        && ((long) (header.termId() - image.initialTermId()) << image.positionBitsToShift())
                + header.termOffset()
            == image.position();
  }

  private ControlledFragmentHandler.Action take(
      DirectBuffer buffer, int offset, int length, Header header) {
    if (header.reservedValue() != formation || length < Frame.HEADER_BYTES) {
      return ControlledFragmentHandler.Action.CONTINUE;
    }
    known = (Image) header.context();
    // At once, so that the sender may go on while the next fragment is worked on.
    return hand(buffer.addressOffset() + offset, length)
        ? ControlledFragmentHandler.Action.COMMIT
        : ControlledFragmentHandler.Action.ABORT;
  }

  private boolean hand(long at, int length) {
    if (thrown != null) {
      return false;
    }
    try {
      boolean wanted =
          receiver.take(
              from,
              (int) UnsafeApi.getLong(at + Frame.PHASE),
              UnsafeApi.getLong(at + Frame.OPERATION),
              UnsafeApi.getLong(at + Frame.OFFSET),
              at + Frame.HEADER_BYTES,
              length - Frame.HEADER_BYTES);
      taken += wanted ? 1 : 0;
      return wanted;
    } catch (RuntimeException e) {
      // Aeron would take it for a fault of its own.
      thrown = e;
      return false;
    }
  }

  /** Whether the stream has been read up to a position of its, above 0. */
  boolean hasRead(long position) {
    return known != null && known.position() >= position;
  }

  int stream() {
    return subscription.streamId();
  }
}
