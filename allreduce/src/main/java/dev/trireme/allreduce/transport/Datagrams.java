package dev.trireme.allreduce.transport;

import io.aeron.protocol.DataHeaderFlyweight;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.GatheringByteChannel;

/**
 * Has a look at the datagrams of a rank's sockets before Aeron's driver copies them into or out of
 * its logs.
 *
 * <p>Threading: whoever works the driver.
 */
interface Datagrams {
  /** Leaves everything to the driver. */
  Datagrams LEFT_ALONE =
      new Datagrams() {
        @Override
        public boolean take(DataHeaderFlyweight header, long address, int length) {
          return false;
        }

        @Override
        public int send(GatheringByteChannel to, ByteBuffer datagram) {
          return NOT_SENT;
        }

        @Override
        public void seen(int stream, int session, int termId, int termOffset) {}

        @Override
        public void lacking() {}
      };

  /** What {@link #send} returns when it leaves the datagram to the driver. */
  int NOT_SENT = -1;

  /**
   * Takes a datagram that has just arrived, if it is the next of its stream and wanted.
   *
   * @param header of its first frame
   * @param address of that
   * @param length of the datagram
   * @return whether it was taken, so that the log has no need of it any more
   */
  boolean take(DataHeaderFlyweight header, long address, int length);

  /**
   * Sends a datagram whose bytes are not in the log.
   *
   * @param datagram from its position to its limit, in the log
   * @return bytes sent, or {@link #NOT_SENT} when all of it is in the log (now)
   */
  int send(GatheringByteChannel to, ByteBuffer datagram) throws IOException;

  /** The receiver of a stream says up to where it has read. */
  void seen(int stream, int session, int termId, int termOffset);

  /** Some receiver says that it lacks something. */
  void lacking();
}
