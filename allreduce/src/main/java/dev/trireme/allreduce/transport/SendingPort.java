package dev.trireme.allreduce.transport;

import io.aeron.driver.DriverConductorProxy;
import io.aeron.driver.MediaDriver;
import io.aeron.driver.media.SendChannelEndpoint;
import io.aeron.driver.media.UdpChannel;
import io.aeron.protocol.NakFlyweight;
import io.aeron.protocol.StatusMessageFlyweight;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.PortUnreachableException;
import java.nio.ByteBuffer;
import org.agrona.concurrent.UnsafeBuffer;
import org.agrona.concurrent.status.AtomicCounter;

/**
 * The socket through which a rank speaks to one of another host. It differs from Aeron's in that a
 * datagram's bytes may come from elsewhere than from the log, see {@link OutWire}.
 *
 * <p>Threading: whoever works the driver.
 */
final class SendingPort extends SendChannelEndpoint {
  private final Datagrams datagrams;
  private final Losses losses;
  private final UnsafeBuffer view = new UnsafeBuffer();

  /** The parameters of Aeron's own, save the first two. */
  SendingPort(
      Datagrams datagrams,
      Losses losses,
      UdpChannel channel,
      AtomicCounter status,
      MediaDriver.Context context) {
    super(channel, status, context);
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
      DriverConductorProxy conductor) {
    if (losses.received().shouldDropFrame(from, buffer, length)) {
      return;
    }
    super.onStatusMessage(message, buffer, length, from, conductor);
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
    }
  }
}
