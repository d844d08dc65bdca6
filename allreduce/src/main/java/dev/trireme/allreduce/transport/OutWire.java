package dev.trireme.allreduce.transport;

import dev.trireme.api.tensor.NativeMemory;
import io.aeron.AeronCounters;
import io.aeron.ExclusivePublication;
import io.aeron.Publication;
import io.aeron.logbuffer.BufferClaim;
import io.aeron.logbuffer.FrameDescriptor;
import io.aeron.protocol.DataHeaderFlyweight;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.GatheringByteChannel;
import org.agrona.BitUtil;
import org.agrona.BufferUtil;
import org.agrona.UnsafeApi;
import org.agrona.concurrent.status.CountersReader;

/**
 * The stream of bytes to one rank of another host. A frame is claimed in the log; its bytes are
 * copied there, or lent: then the frame in the log has its header and its length, and the kernel
 * takes the bytes from where they are, when they are sent and, after a loss, when they are sent
 * again. What was lent and not read by the receiver when the lender wants it back is copied into
 * the log after all.
 *
 * <p>What is lent must stay the same until the receiver has read it. Lent is what an operation
 * sends of its own buffer, and there it holds: until the operation is done, a rank writes over what
 * it has sent only what depends on it, which is to say on the receiver's having read it; and when
 * it is done, or has failed, everything is taken back before anybody hears of that. That something
 * else is sent again later does no harm: the receiver is past it, and drops it.
 *
 * <p>Threading: one thread at a time.
 */
final class OutWire {
  /** As many frames as two windows hold, so that there is nearly always room. */
  private static final int MOST_LENT = 128;

  /** To copy less than this costs no more than to keep account of it. */
  private static final int LEAST_LENT = 8 << 10;

  private static final int ALIGNMENT = FrameDescriptor.FRAME_ALIGNMENT;

  private final ExclusivePublication publication;
  private final CountersReader counters;
  private final int senderPosition;
  private final long formation;
  private final int frameBytes;
  private final BufferClaim claim = new BufferClaim();
  private final ByteBuffer[] parts = new ByteBuffer[3];

  // Of the frames that are lent, the oldest at `first`: where they begin and end in the stream;
  // where their bytes would be in the log (as mapped for the client; the driver has it elsewhere);
  // where they are; how many.
  private final long[] begin = new long[MOST_LENT];
  private final long[] end = new long[MOST_LENT];
  private final long[] inLog = new long[MOST_LENT];
  private final long[] at = new long[MOST_LENT];
  private final int[] length = new int[MOST_LENT];
  private int first;
  private int count;
  private int next;
  private long sent;

  /**
   * @param counters of the driver
   */
  OutWire(
      ExclusivePublication publication, CountersReader counters, long formation, int frameBytes) {
    this.counters = counters;
    this.senderPosition =
        counters.findByTypeIdAndRegistrationId(
            AeronCounters.DRIVER_SENDER_POSITION_TYPE_ID, publication.registrationId());
    this.publication = publication;
    this.formation = formation;
    this.frameBytes = frameBytes;
  }

  /** As {@link Transport#write}, or where {@code lend} as {@link Transport#lend}. */
  int write(int phase, long operation, long offset, long address, long bytes, boolean lend) {
    int taken = (int) Math.min(bytes, frameBytes);
    long position = publication.tryClaim(Frame.HEADER_BYTES + taken, claim);
    if (position == Publication.ADMIN_ACTION) {
      // The log has just been turned over.
      position = publication.tryClaim(Frame.HEADER_BYTES + taken, claim);
    }
    if (position <= 0) {
      return 0;
    }
    int header = claim.offset();
    claim.buffer().putLong(header + Frame.PHASE, phase);
    claim.buffer().putLong(header + Frame.OPERATION, operation);
    claim.buffer().putLong(header + Frame.OFFSET, offset);
    long log = claim.buffer().addressOffset() + header + Frame.HEADER_BYTES;
    if (lend && taken >= LEAST_LENT && count < MOST_LENT) {
      int slot = (first + count++) % MOST_LENT;
      begin[slot] = position - BitUtil.align(claim.length() + Frame.AERON_BYTES, ALIGNMENT);
      end[slot] = position;
      inLog[slot] = log;
      at[slot] = address;
      length[slot] = taken;
    } else {
      NativeMemory.copy(address, log, taken);
    }
    claim.reservedValue(formation);
    claim.commit();
    return taken;
  }

  /** As {@link Datagrams#send}. */
  int send(GatheringByteChannel to, ByteBuffer datagram) throws IOException {
    if (count == 0) {
      return Datagrams.NOT_SENT;
    }
    int from = datagram.position();
    int until = datagram.limit();
    long frame = BufferUtil.address(datagram) + from;
    if (aligned(frame) < until - from) {
      takeBack(frame, frame + until - from);
      return Datagrams.NOT_SENT;
    }
    int slot = find(frame);
    if (slot < 0) {
      return Datagrams.NOT_SENT;
    }
    int headers = Frame.AERON_BYTES + Frame.HEADER_BYTES;
    int padding = until - from - headers - length[slot];
    parts[0] = datagram.limit(from + headers);
    parts[1] = NativeMemory.view(at[slot], length[slot]);
    parts[2] = padding == 0 ? null : datagram.duplicate().limit(until).position(until - padding);
    long written = to.write(parts, 0, padding == 0 ? 2 : 3);
    datagram.limit(until);
    sent = Math.max(sent, end[slot]);
    return (int) written;
  }

  private static int aligned(long frame) {
    return BitUtil.align(UnsafeApi.getInt(frame), ALIGNMENT);
  }

  /** A datagram of several frames is not worth more than copies. */
  private void takeBack(long from, long until) {
    for (long frame = from; frame < until; frame += aligned(frame)) {
      int slot = find(frame);
      if (slot >= 0) {
        takeBack(slot);
      }
    }
  }

  /** It stays on the list, its bytes being where it says. */
  private void takeBack(int slot) {
    NativeMemory.copy(at[slot], inLog[slot], length[slot]);
    at[slot] = inLog[slot];
    sent = Math.max(sent, end[slot]);
  }

  /** The lent frame with this header, or -1; mostly the one after the last found. */
  private int find(long frame) {
    long position =
        position(
            UnsafeApi.getInt(frame + DataHeaderFlyweight.TERM_ID_FIELD_OFFSET),
            UnsafeApi.getInt(frame + DataHeaderFlyweight.TERM_OFFSET_FIELD_OFFSET));
    for (int i = 0; i < count; i++) {
      int slot = (first + (next + i) % count) % MOST_LENT;
      if (begin[slot] == position) {
        next = (next + i + 1) % count;
        return slot;
      }
    }
    return -1;
  }

  /** The receiver has read up to here. */
  void seen(int termId, int termOffset) {
    long read = Math.min(position(termId, termOffset), sent);
    while (count > 0 && end[first] <= read) {
      first = (first + 1) % MOST_LENT;
      count--;
      next = Math.max(0, next - 1);
    }
  }

  private long position(int termId, int termOffset) {
    return ((long) (termId - publication.initialTermId()) << publication.positionBitsToShift())
        + termOffset;
  }

  /** Copies all that is lent into the log. */
  void takeBack() {
    for (int i = 0; i < count; i++) {
      int slot = (first + i) % MOST_LENT;
      if (at[slot] != inLog[slot]) {
        NativeMemory.copy(at[slot], inLog[slot], length[slot]);
      }
    }
    first = 0;
    count = 0;
    next = 0;
  }

  /** Whether something that was written has never been sent. */
  boolean owes() {
    return !publication.isClosed()
        && counters.getCounterValue(senderPosition) < publication.position();
  }

  /** Where in the stream the next frame goes. */
  long position() {
    return publication.position();
  }

  boolean is(int stream, int session) {
    return publication.streamId() == stream && publication.sessionId() == session;
  }
}
