package dev.trireme.allreduce.transport;

import dev.trireme.allreduce.Endpoint;
import dev.trireme.allreduce.GroupConfig;
import dev.trireme.allreduce.transport.Transport.Receiver;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/**
 * Streams of bytes over TCP: a connection to each rank of another host. The kernels send again what
 * is lost and pace who sends, whether or not anybody drives the group.
 *
 * <p>Threading: one thread at a time.
 */
final class TcpWires implements Wires {
  /** What a rank passes on while it receives the next of it. */
  private static final int FRAME_BYTES = 64 << 10;

  /** A rank that gives up says so, and why, before it closes; that may take longer to arrive. */
  private static final long SAYING_NANOS = TimeUnit.MILLISECONDS.toNanos(500);

  private final TcpDoor door;
  private final TcpWire[] wires;
  private boolean taking = true;

  /**
   * @param door that is open, and this one's from now on
   */
  TcpWires(TcpDoor door, GroupConfig config) {
    this.door = door;
    this.wires = new TcpWire[config.worldSize()];
  }

  /** Begins to connect with a peer. */
  void add(int peer, Endpoint endpoint) {
    door.add(peer, endpoint);
  }

  @Override
  public void tend() {
    door.tend((peer, channel) -> wires[peer] = new TcpWire(peer, channel));
  }

  @Override
  public Optional<String> missing(int peer) {
    return door.missing(peer);
  }

  @Override
  public int frameBytes() {
    return FRAME_BYTES;
  }

  @Override
  public int write(
      int to, int phase, long operation, long offset, long address, long bytes, boolean lend) {
    return wires[to].write(phase, operation, offset, address, bytes);
  }

  @Override
  public int read(Receiver to) {
    int taken = 0;
    for (int peer = 0; taking && peer < wires.length; peer++) {
      taken += wires[peer] == null ? 0 : wires[peer].read(to);
    }
    return taken;
  }

  @Override
  public long written(int peer) {
    return wires[peer] == null ? 0 : wires[peer].written();
  }

  @Override
  public boolean hasRead(int peer, long position) {
    return position <= 0
        || wires[peer] != null && (wires[peer].read() >= position || lost(peer).isPresent());
  }

  @Override
  public Optional<String> lost(int peer) {
    return wires[peer] == null
        ? Optional.empty()
        : wires[peer].ended(SAYING_NANOS).map(why -> "its TCP connection has ended: " + why);
  }

  @Override
  public void stopTaking() {
    taking = false;
  }

  @Override
  public void close() {
    door.close();
    for (TcpWire wire : wires) {
      if (wire != null) {
        wire.close();
      }
    }
  }
}
