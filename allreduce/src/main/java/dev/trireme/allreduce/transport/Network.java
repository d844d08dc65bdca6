package dev.trireme.allreduce.transport;

import dev.trireme.allreduce.Carrier;
import dev.trireme.allreduce.Endpoint;
import dev.trireme.allreduce.GroupConfig;
import dev.trireme.allreduce.NetworkConfig;
import dev.trireme.allreduce.plan.Hosts;
import io.aeron.Aeron;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * A rank's ways to ranks of other hosts: signals over Aeron UDP, and bytes over what the formation
 * has chosen to carry them.
 *
 * <p>Threading: one thread at a time.
 */
final class Network implements AutoCloseable {
  /**
   * Streams between hosts are numbered from here on. Each agent allots its own numbers, so these
   * must not depend on them; nor need they, for a rank's port is that of one formation alone.
   */
  private static final int STREAMS = 1;

  /** To work the driver costs as much as to move some 16 KiB. */
  private static final long SIGNALS_NANOS = TimeUnit.MICROSECONDS.toNanos(100);

  private final GroupConfig config;
  private final Optional<TcpWires> tcp;
  private final NetworkDriver driver;
  private Wires wires = Wires.NONE;
  private boolean flowing;
  private long lookedNanos = System.nanoTime();

  /**
   * Opens this rank's ports. Blocks until they are open.
   *
   * @param config with a network
   * @param broken told when Aeron is of no use any more
   */
  Network(GroupConfig config, Losses losses, Consumer<Throwable> broken) {
    this.config = config;
    NetworkConfig own = config.network().orElseThrow();
    Optional<TcpDoor> door =
        own.carrier() == Carrier.TCP ? Optional.of(new TcpDoor(config, own)) : Optional.empty();
    this.tcp = door.map(open -> new TcpWires(open, config));
    try {
      // A stream of its own, so that nothing ever arrives there.
      int stream = STREAMS + config.rank() * (config.worldSize() - 1);
      int tcpPort = door.map(TcpDoor::port).orElse(0);
      driver = new NetworkDriver(config, stream, tcpPort, Lifeline.DRIVER_MILLIS, losses, broken);
    } catch (RuntimeException e) {
      tcp.ifPresent(TcpWires::close);
      throw e;
    }
  }

  Endpoint endpoint() {
    return driver.endpoint();
  }

  /**
   * Begins to connect with the ranks of other hosts.
   *
   * @param all endpoints, in order of rank
   * @param signals to which their streams are added
   */
  void connect(List<Endpoint> all, Hosts hosts, Signals signals) {
    int worldSize = config.worldSize();
    int rank = config.rank();
    int remote = worldSize - hosts.ranks(hosts.of().get(rank)).size();
    if (remote == 0) {
      tcp.ifPresent(TcpWires::close);
      return;
    }
    requireSameCarrier(all);
    Channels channels = Channels.of(all);
    int dataTerm = tcp.isPresent() ? 0 : channels.dataTerm();
    LogRoom.require(driver.directory(), Channels.logsBetween(remote, dataTerm));
    UdpWires udp = new UdpWires(config.formation(), channels.mtu(), worldSize);
    if (tcp.isEmpty()) {
      driver.pass(udp);
    }
    wires = tcp.isPresent() ? tcp.get() : udp;
    Aeron aeron = driver.aeron();
    Streams streams = new Streams(STREAMS, worldSize);
    String port = Channels.in(driver.tag());
    for (int peer = 0; peer < worldSize; peer++) {
      if (hosts.together(peer, rank)) {
        continue;
      }
      Endpoint there = all.get(peer);
      int heard = streams.between(peer, rank);
      int said = streams.between(rank, peer);
      signals.add(
          peer,
          aeron.addExclusivePublication(channels.signalsTo(there), said),
          aeron.addSubscription(port, heard));
      if (tcp.isPresent()) {
        tcp.get().add(peer, there);
      } else {
        udp.add(
            peer,
            aeron.addExclusivePublication(channels.dataTo(there), said + streams.count()),
            aeron.addSubscription(port, heard + streams.count()),
            aeron.countersReader());
      }
    }
  }

  private void requireSameCarrier(List<Endpoint> all) {
    for (int peer = 0; peer < all.size(); peer++) {
      if (all.get(peer).tcpPort() == 0 ^ tcp.isEmpty()) {
        throw new IllegalArgumentException(
            "rank "
                + config.rank()
                + " takes bytes of other hosts over "
                + (tcp.isPresent() ? "TCP" : "UDP")
                + ", and rank "
                + peer
                + " over the other; give all ranks the same carrier");
      }
    }
  }

  /** The streams of bytes; none before {@link #connect}. */
  Wires wires() {
    return wires;
  }

  /** Sends and receives a little, and goes on connecting. */
  void work() {
    driver.work();
    wires.tend();
  }

  /** Bytes have gone or come. */
  void flowed() {
    flowing = tcp.isPresent();
  }

  /**
   * Whether the driver is to be worked: while bytes flow over TCP, its signals can wait a little.
   */
  boolean isDue() {
    if (tcp.isEmpty()) {
      return true;
    }
    long now = System.nanoTime();
    boolean due = !flowing || now - lookedNanos > SIGNALS_NANOS;
    flowing = false;
    if (due) {
      lookedNanos = now;
    }
    return due;
  }

  /** Closes all ports. */
  @Override
  public void close() {
    tcp.ifPresent(TcpWires::close);
    driver.close();
  }
}
