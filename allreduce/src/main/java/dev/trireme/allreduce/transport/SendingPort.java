package dev.trireme.allreduce.transport;

import static io.aeron.logbuffer.FrameDescriptor.frameType;

import io.aeron.driver.DriverConductorProxy;
import io.aeron.driver.MediaDriver;
import io.aeron.driver.media.SendChannelEndpoint;
import io.aeron.driver.media.UdpChannel;
import io.aeron.protocol.ErrorFlyweight;
import io.aeron.protocol.HeaderFlyweight;
import io.aeron.protocol.NakFlyweight;
import io.aeron.protocol.StatusMessageFlyweight;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.PortUnreachableException;
import java.nio.ByteBuffer;
import org.agrona.BitUtil;
import org.agrona.BufferUtil;
import org.agrona.concurrent.UnsafeBuffer;
import org.agrona.concurrent.status.AtomicCounter;

/**
 * The socket through which a rank speaks to one of another host. It differs from Aeron's in two
 * things. A datagram's bytes may come from elsewhere than from the log, see {@link OutWire}. And
 * where the receiver lacks something, all that it has said meanwhile is read at once. Aeron reads
 * one message in a cycle of the driver, and a receiver repeats what it lacks many times before it
 * has it; so at a rank that had nothing to do, and went through twenty cycles a second, what was
 * asked for once waited behind hundreds of messages that had long been answered, and the socket had
 * no room left for those that grant room to send: nothing got through any more, not even
 * heartbeats, and the rank was taken for dead.
 *
 * <p>Threading: whoever works the driver.
 */
final class SendingPort extends SendChannelEndpoint {
  /** As many as the system keeps for a socket that asks for no more room than it gets by itself. */
  private static final int MORE_AT_ONCE = 300;

  private static final int LONGEST_ANSWER = ErrorFlyweight.MAX_ERROR_FRAME_LENGTH;

  private final Datagrams datagrams;
  private final Losses losses;
  private final UnsafeBuffer view = new UnsafeBuffer();
  private final ByteBuffer bytes =
      BufferUtil.allocateDirectAligned(LONGEST_ANSWER, BitUtil.CACHE_LINE_LENGTH);
  private final UnsafeBuffer frame = new UnsafeBuffer(bytes);
  private final StatusMessageFlyweight status = new StatusMessageFlyweight(frame);
  private final NakFlyweight nak = new NakFlyweight(frame);
  private final ErrorFlyweight error = new ErrorFlyweight(frame);
  // Known from the first status message on, and before that nothing is sent that could be lacking.
  private DriverConductorProxy conductor;
  private boolean lookingForMore;

  /** The parameters of Aeron's own, save the first two. */
  SendingPort(
      Datagrams datagrams,
      Losses losses,
      UdpChannel channel,
      AtomicCounter counter,
      MediaDriver.Context context) {
    super(channel, counter, context);
    this.datagrams = datagrams;
    this.losses = losses;
  }

  @Override
  public int send(ByteBuffer buffer) {
    int length = buffer.remaining();
    if (losses != Losses.NONE) {
      view.wrap(buffer, buffer.position(), length);
      if (losses.sent().shouldDropFrame(connectAddress, view, length)) {
        return length;
      }
    }
    int sent = Datagrams.NOT_SENT;
    try {
      if (sendDatagramChannel != null && sendDatagramChannel.isConnected()) {
        sent = datagrams.send(sendDatagramChannel, buffer);
      }
    } catch (PortUnreachableException e) {
      // Nobody listens there yet, or any more: as if it had been lost.
      return 0;
    } catch (IOException e) {
      onSendError(e, connectAddress, errorHandler);
      return 0;
    }
    return sent == Datagrams.NOT_SENT ? super.send(buffer) : sent;
  }

  @Override
  public void onStatusMessage(
      StatusMessageFlyweight message,
      UnsafeBuffer buffer,
      int length,
      InetSocketAddress from,
      DriverConductorProxy tells) {
    conductor = tells;
    if (losses.received().shouldDropFrame(from, buffer, length)) {
      return;
    }
    super.onStatusMessage(message, buffer, length, from, tells);
    if ((message.flags() & StatusMessageFlyweight.SEND_SETUP_FLAG) == 0) {
      datagrams.seen(
          message.streamId(),
          message.sessionId(),
          message.consumptionTermId(),
          message.consumptionTermOffset());
    }
  }

  @Override
  public void onNakMessage(
      NakFlyweight message, UnsafeBuffer buffer, int length, InetSocketAddress from) {
    if (!losses.received().shouldDropFrame(from, buffer, length)) {
      super.onNakMessage(message, buffer, length, from);
      datagrams.lacking();
    }
    if (!lookingForMore && conductor != null) {
      lookingForMore = true;
      try {
        int left = MORE_AT_ONCE;
        while (left > 0 && receiveOne()) {
          left--;
        }
      } finally {
        lookingForMore = false;
      }
    }
  }

  /** As Aeron's poller does it; round trips and response channels are not used. */
  private boolean receiveOne() {
    InetSocketAddress from = receive(bytes);
    if (from == null) {
      return false;
    }
    int length = bytes.position();
    if (isValidFrame(frame, length)) {
      receiveHook(frame, length, from);
      switch (frameType(frame, 0)) {
        case HeaderFlyweight.HDR_TYPE_NAK -> onNakMessage(nak, frame, length, from);
        case HeaderFlyweight.HDR_TYPE_SM -> onStatusMessage(status, frame, length, from, conductor);
        case HeaderFlyweight.HDR_TYPE_ERR -> onError(error, frame, length, from, conductor);
        default -> {}
      }
    }
    return true;
  }
}
