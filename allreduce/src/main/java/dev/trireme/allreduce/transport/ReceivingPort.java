package dev.trireme.allreduce.transport;

import static io.aeron.logbuffer.FrameDescriptor.frameType;
import static io.aeron.protocol.DataHeaderFlyweight.HEADER_LENGTH;

import io.aeron.driver.Configuration;
import io.aeron.driver.DataPacketDispatcher;
import io.aeron.driver.MediaDriver;
import io.aeron.driver.media.ReceiveChannelEndpoint;
import io.aeron.driver.media.UdpChannel;
import io.aeron.protocol.DataHeaderFlyweight;
import io.aeron.protocol.HeaderFlyweight;
import io.aeron.protocol.RttMeasurementFlyweight;
import io.aeron.protocol.SetupFlyweight;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import org.agrona.BitUtil;
import org.agrona.BufferUtil;
import org.agrona.concurrent.UnsafeBuffer;
import org.agrona.concurrent.status.AtomicCounter;

/**
 * The socket at which a rank hears of other hosts. It differs from Aeron's in two things. Where one
 * datagram has arrived it looks for more, so that a cycle of the driver, which costs as much as
 * several of them, is not gone through for each. And a datagram that is wanted at once is handed on
 * from where the kernel has put it; the image hears of it as if by a heartbeat, which says how far
 * the stream has come, and its reader's position is moved past it. So the log holds only what came
 * too early, after a loss or before it was wanted, and all of Aeron's protocol, its windows and
 * what it sends again, stays as it is.
 *
 * <p>Threading: whoever works the driver.
 */
final class ReceivingPort extends ReceiveChannelEndpoint {
  /** Besides the first; what else there is to do must not wait for long. */
  private static final int MORE_AT_ONCE = 15;

  private final Datagrams datagrams;
  private final Losses losses;
  private final ByteBuffer bytes =
      BufferUtil.allocateDirectAligned(
          Configuration.MAX_UDP_PAYLOAD_LENGTH, BitUtil.CACHE_LINE_LENGTH);
  private final UnsafeBuffer frame = new UnsafeBuffer(bytes);
  private final DataHeaderFlyweight data = new DataHeaderFlyweight(frame);
  private final SetupFlyweight setup = new SetupFlyweight(frame);
  private final RttMeasurementFlyweight roundTrip = new RttMeasurementFlyweight(frame);
  private final UnsafeBuffer view = new UnsafeBuffer();
  private boolean lookingForMore;

  /** The parameters of Aeron's own, save the first two. */
  ReceivingPort(
      Datagrams datagrams,
      Losses losses,
      UdpChannel channel,
      DataPacketDispatcher dispatcher,
      AtomicCounter status,
      MediaDriver.Context context) {
    super(channel, dispatcher, status, context);
    this.datagrams = datagrams;
    this.losses = losses;
  }

  @Override
  public int onDataPacket(
      DataHeaderFlyweight header,
      UnsafeBuffer buffer,
      int length,
      InetSocketAddress from,
      int transportIndex) {
    int applied = arrived(header, buffer, length, from, transportIndex);
    if (!lookingForMore) {
      lookingForMore = true;
      try {
        int left = MORE_AT_ONCE;
        while (left > 0 && receiveOne(transportIndex)) {
          left--;
        }
      } finally {
        lookingForMore = false;
      }
    }
    return applied;
  }

  /** As Aeron's poller does it. */
  private boolean receiveOne(int transportIndex) {
    InetSocketAddress from = receive(bytes);
    if (from == null) {
      return false;
    }
    int length = bytes.position();
    if (isValidFrame(frame, length)) {
      receiveHook(frame, length, from);
      switch (frameType(frame, 0)) {
        case HeaderFlyweight.HDR_TYPE_DATA, HeaderFlyweight.HDR_TYPE_PAD ->
            arrived(data, frame, length, from, transportIndex);
        case HeaderFlyweight.HDR_TYPE_SETUP ->
            onSetupMessage(setup, frame, length, from, transportIndex);
        case HeaderFlyweight.HDR_TYPE_RTTM ->
            onRttMeasurement(roundTrip, frame, length, from, transportIndex);
        default -> {}
      }
    }
    return true;
  }

  private int arrived(
      DataHeaderFlyweight header,
      UnsafeBuffer buffer,
      int length,
      InetSocketAddress from,
      int transportIndex) {
    if (losses.received().shouldDropFrame(from, buffer, length)) {
      return 0;
    }
    int kept = length;
    if (datagrams.take(header, buffer.addressOffset(), length)) {
      kept = HEADER_LENGTH;
      header.termOffset(header.termOffset() + length);
      header.frameLength(0);
    }
    return super.onDataPacket(header, buffer, kept, from, transportIndex);
  }

  /** What the driver tells a sender: how far it has read, what it lacks. */
  @Override
  public int sendTo(ByteBuffer buffer, InetSocketAddress to) {
    int length = buffer.remaining();
    if (losses != Losses.NONE) {
      view.wrap(buffer, buffer.position(), length);
      if (losses.sent().shouldDropFrame(to, view, length)) {
        return length;
      }
    }
    return super.sendTo(buffer, to);
  }

  @Override
  public void onSetupMessage(
      SetupFlyweight header,
      UnsafeBuffer buffer,
      int length,
      InetSocketAddress from,
      int transportIndex) {
    if (!losses.received().shouldDropFrame(from, buffer, length)) {
      super.onSetupMessage(header, buffer, length, from, transportIndex);
    }
  }
}
