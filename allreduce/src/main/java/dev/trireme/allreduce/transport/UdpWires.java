package dev.trireme.allreduce.transport;

import dev.trireme.allreduce.transport.Transport.Receiver;
import io.aeron.ExclusivePublication;
import io.aeron.Subscription;
import io.aeron.protocol.DataHeaderFlyweight;
import io.aeron.protocol.HeaderFlyweight;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.GatheringByteChannel;
import java.util.concurrent.TimeUnit;
import org.agrona.BufferUtil;
import org.agrona.UnsafeApi;
import org.agrona.concurrent.status.CountersReader;

/**
 * Streams of bytes over Aeron UDP.
 *
 * <p>Where all goes well bytes pass no log: the kernel takes them from the sender's buffer, and the
 * receiver adds them to its own from where the kernel has put them, see {@link OutWire} and {@link
 * InWire}.
 *
 * <p>Threading: one thread at a time.
 */
final class UdpWires implements Wires, Datagrams {
  /** A receiver that lacks something says so again before this is over. */
  private static final long LACKING_NANOS = TimeUnit.MILLISECONDS.toNanos(50);

  private final long formation;
  private final int frameBytes;
  private final OutWire[] out;
  private final InWire[] in;
  private boolean open;
  private boolean lacking;
  private long lackingNanos;

  UdpWires(long formation, int mtu, int worldSize) {
    this.formation = formation;
    this.frameBytes = Frame.room(mtu);
    this.out = new OutWire[worldSize];
    this.in = new InWire[worldSize];
  }

  /**
   * Adds the streams to and from a peer.
   *
   * @param counters of the driver
   */
  void add(
      int peer,
      ExclusivePublication publication,
      Subscription subscription,
      CountersReader counters) {
    out[peer] = new OutWire(publication, counters, formation, frameBytes);
    in[peer] = new InWire(peer, formation, subscription);
  }

  @Override
  public int frameBytes() {
    return frameBytes;
  }

  @Override
  public int write(
      int to, int phase, long operation, long offset, long address, long bytes, boolean lend) {
    return out[to].write(phase, operation, offset, address, bytes, lend);
  }

  @Override
  public void takeBack() {
    for (OutWire wire : out) {
      if (wire != null) {
        wire.takeBack();
      }
    }
  }

  @Override
  public int read(Receiver to) {
    int taken = 0;
    for (InWire wire : in) {
      taken += wire == null ? 0 : wire.read(to);
    }
    return taken;
  }

  @Override
  public void open(boolean wanted) {
    open = wanted;
  }

  @Override
  public void stopTaking() {
    for (InWire wire : in) {
      if (wire != null) {
        wire.close();
      }
    }
  }

  @Override
  public boolean take(DataHeaderFlyweight header, long address, int length) {
    if (!open) {
      return false;
    }
    for (InWire wire : in) {
      if (wire != null && wire.stream() == header.streamId()) {
        return wire.take(header, address, length);
      }
    }
    return false;
  }

  @Override
  public int send(GatheringByteChannel to, ByteBuffer datagram) throws IOException {
    if (datagram.remaining() < Frame.AERON_BYTES + Frame.HEADER_BYTES) {
      return NOT_SENT;
    }
    long frame = BufferUtil.address(datagram) + datagram.position();
    if (UnsafeApi.getShort(frame + HeaderFlyweight.TYPE_FIELD_OFFSET)
        != HeaderFlyweight.HDR_TYPE_DATA) {
      return NOT_SENT;
    }
    OutWire wire =
        find(
            UnsafeApi.getInt(frame + DataHeaderFlyweight.STREAM_ID_FIELD_OFFSET),
            UnsafeApi.getInt(frame + DataHeaderFlyweight.SESSION_ID_FIELD_OFFSET));
    return wire == null ? NOT_SENT : wire.send(to, datagram);
  }

  @Override
  public void lacking() {
    lacking = true;
    lackingNanos = System.nanoTime();
  }

  @Override
  public boolean owes() {
    if (lacking && System.nanoTime() - lackingNanos > LACKING_NANOS) {
      lacking = false;
    }
    boolean owes = lacking;
    for (int peer = 0; peer < out.length && !owes; peer++) {
      owes = out[peer] != null && out[peer].owes();
    }
    return owes;
  }

  @Override
  public void seen(int stream, int session, int termId, int termOffset) {
    OutWire wire = find(stream, session);
    if (wire != null) {
      wire.seen(termId, termOffset);
    }
  }

  private OutWire find(int stream, int session) {
    for (OutWire wire : out) {
      if (wire != null && wire.is(stream, session)) {
        return wire;
      }
    }
    return null;
  }

  @Override
  public long written(int peer) {
    return out[peer] == null ? 0 : out[peer].position();
  }

  @Override
  public boolean hasRead(int peer, long position) {
    return position <= 0 || in[peer].hasRead(position);
  }
}
