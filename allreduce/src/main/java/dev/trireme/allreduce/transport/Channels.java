package dev.trireme.allreduce.transport;

import dev.trireme.allreduce.Endpoint;
import dev.trireme.allreduce.NetworkConfig;
import java.io.IOException;
import java.net.NetworkInterface;
import java.net.StandardSocketOptions;
import java.nio.channels.DatagramChannel;
import java.util.List;

/**
 * The Aeron channels of a rank, and how large their buffers are.
 *
 * <p>UDP frames are as large as both interfaces take whole: on loopback one of 64 KiB costs hardly
 * more than one of 1.5 KiB, and elsewhere a datagram that the network must cut is lost with any of
 * its pieces. What may be under way to one rank fits into its socket's buffer, whatever the number
 * of ranks that send to it, so that nothing is lost for want of room; logs are short, so that they
 * stay in a core's cache.
 *
 * @param mtu of data frames, the same on all ranks
 * @param window bytes under way from one rank to another
 * @param socketBuffer bytes that a socket holds
 */
record Channels(int mtu, int window, int socketBuffer) {
  /**
   * Half of this in unread signals stops a sender; a signal takes 64 bytes, or up to 512 with text.
   */
  static final String IPC = "aeron:ipc?term-length=256k|alias=trireme-collectives";

  static final int IPC_TERM = 256 << 10;

  /** The same between hosts, where a peer's signals are fewer. */
  static final int SIGNAL_TERM = 128 << 10;

  /** The largest that Aeron knows. */
  private static final int MAX_MTU = 65504;

  /** What every interface takes. */
  static final int MIN_MTU = 512;

  private static final int SIGNAL_MTU = 1408;
  private static final int IP_AND_UDP_HEADER = 48;
  private static final int WANTED_BUFFER = 4 << 20;

  /** Twice as much was slower on loopback: what is under way then outgrows the caches. */
  private static final int MAX_WINDOW = 256 << 10;

  private static final int MIN_TERM = 64 << 10;

  /** For all ranks of a formation. */
  static Channels of(List<Endpoint> all) {
    int mtu = all.stream().mapToInt(Endpoint::mtu).min().orElse(SIGNAL_MTU);
    int buffer = grantedBuffer();
    int window = window(mtu, all.size(), buffer);
    return new Channels(mtu, window, Math.max(buffer, window));
  }

  private static int window(int mtu, int worldSize, int buffer) {
    int share = Integer.highestOneBit(Math.max(1, buffer / Math.max(1, worldSize - 1)));
    return Math.max(Integer.highestOneBit(2 * mtu), Math.min(MAX_WINDOW, share));
  }

  /**
   * Where this rank may be heard of first: any port, known by the tag from then on. The window is
   * that of all streams that arrive there: the driver asks the channel that opened the port, and no
   * later one.
   */
  static String doorbell(NetworkConfig network, long tag, int worldSize) {
    String address = network.resolved().getHostAddress();
    String literal = address.contains(":") ? "[" + address + "]" : address;
    int buffer = grantedBuffer();
    return "aeron:udp?tags="
        + tag
        + "|endpoint="
        + literal
        + ":0|so-rcvbuf="
        + buffer
        + "|rcv-wnd="
        + window(mtuOf(network), worldSize, buffer);
  }

  /** What arrives at the port with this tag. */
  static String in(long tag) {
    return "aeron:udp?tags=" + tag;
  }

  String signalsTo(Endpoint peer) {
    return "aeron:udp?endpoint="
        + peer.address()
        + "|term-length="
        + SIGNAL_TERM
        + "|mtu="
        + Math.min(mtu, SIGNAL_MTU)
        + "|so-sndbuf="
        + socketBuffer;
  }

  String dataTo(Endpoint peer) {
    return "aeron:udp?endpoint="
        + peer.address()
        + "|term-length="
        + dataTerm()
        + "|mtu="
        + mtu
        + "|so-sndbuf="
        + socketBuffer;
  }

  /** Aeron lets half of a term be under way, and a frame be an eighth of it. */
  int dataTerm() {
    return Math.max(Math.max(MIN_TERM, 2 * window), Integer.highestOneBit(8 * mtu - 1) * 2);
  }

  /** Bytes of the logs of a rank's streams to and from so many peers of its host. */
  static long logsWithin(int peers) {
    // Both sides share one.
    return peers * LogRoom.bytes(IPC_TERM);
  }

  /** The same of peers of other hosts; without bytes, which go elsewhere, where the term is 0. */
  static long logsBetween(int peers, int dataTerm) {
    long data = dataTerm == 0 ? 0 : LogRoom.bytes(dataTerm);
    return 2L * peers * (LogRoom.bytes(SIGNAL_TERM) + data);
  }

  /** The largest datagram's content that the interface of this address takes whole. */
  static int mtuOf(NetworkConfig network) {
    try {
      NetworkInterface at = NetworkInterface.getByInetAddress(network.resolved());
      int content = at == null ? SIGNAL_MTU : at.getMTU() - IP_AND_UDP_HEADER;
      // Aeron's frames are multiples of 32 bytes.
      return Math.min(MAX_MTU, content & -32);
    } catch (IOException e) {
      throw new IllegalStateException(
          "the interface of " + network.address() + " cannot be asked for its MTU: " + e, e);
    }
  }

  /** What the system grants of the buffer wanted. */
  private static int grantedBuffer() {
    try (DatagramChannel channel = DatagramChannel.open()) {
      channel.setOption(StandardSocketOptions.SO_RCVBUF, WANTED_BUFFER);
      channel.setOption(StandardSocketOptions.SO_SNDBUF, WANTED_BUFFER);
      int granted =
          Math.min(
              channel.getOption(StandardSocketOptions.SO_RCVBUF),
              channel.getOption(StandardSocketOptions.SO_SNDBUF));
      return Math.min(WANTED_BUFFER, granted);
    } catch (IOException e) {
      throw new IllegalStateException("no UDP socket can be opened: " + e, e);
    }
  }
}
