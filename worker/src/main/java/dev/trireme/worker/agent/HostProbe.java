package dev.trireme.worker.agent;

import dev.trireme.protocol.Probe;
import dev.trireme.protocol.Probe.Target;
import dev.trireme.protocol.Probe.Way;
import io.aeron.AeronVersion;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Measures the ways to other hosts with datagrams as ranks send them, and answers those that do the
 * same. A ping comes back with the other's clock; then, for a while, windows of large datagrams are
 * sent, and the other tells of each window how many bytes of it have come. One thread sends from
 * Java, a datagram at a time, so that the figure is what a way gives at least. At last the same way
 * is tried over TCP: {@link TcpProbe}.
 *
 * <p>Every datagram carries the probe's secret, which the coordinator has told its agents over the
 * control plane; others are dropped unanswered.
 *
 * <p>Threading: {@link #run} and {@link #close} from any thread; it owns three threads, which end
 * {@value Probe#LONGEST_SECONDS} s after it was opened at the latest.
 */
final class HostProbe implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(HostProbe.class);
  private static final byte PING = 1;
  private static final byte PONG = 2;
  private static final byte DATA = 3;
  private static final byte END = 4;
  private static final byte COUNT = 5;
  private static final int HEAD = 8 + 1 + 8 + 8;
  private static final int PAYLOAD = 1408;
  private static final int PINGS = 20;
  private static final int WINDOW = 128;
  private static final int ANSWER_MILLIS = 250;
  private static final int MAX_SILENT = 4;
  private static final int BUFFER = 2 << 20;
  private static final int MAX_PEERS = 256;

  /** Another may have the port of a datagram socket for TCP. */
  private static final int PORTS = 10;

  private static final long SENDING_NANOS = TimeUnit.MILLISECONDS.toNanos(300);
  private static final long LIFE_NANOS = TimeUnit.SECONDS.toNanos(Probe.LONGEST_SECONDS);

  private final long secret;
  private final InetAddress address;
  private final DatagramSocket socket;
  private final TcpProbe tcp;
  private final long end = System.nanoTime() + LIFE_NANOS;
  private volatile boolean closed;

  private HostProbe(InetAddress address, long secret, DatagramSocket socket, TcpProbe tcp) {
    this.address = address;
    this.secret = secret;
    this.socket = socket;
    this.tcp = tcp;
  }

  /**
   * Opens a port that the system chooses, of UDP and of TCP, and answers from then on.
   *
   * @param address of this host, as others reach it
   * @throws IOException when no port can be opened there
   */
  static HostProbe open(String address, long secret) throws IOException {
    InetAddress here = InetAddress.getByName(address);
    IOException taken = new IOException("no port is free for UDP and TCP alike");
    for (int i = 0; i < PORTS; i++) {
      DatagramSocket udp = new DatagramSocket(new InetSocketAddress(here, 0));
      try {
        udp.setReceiveBufferSize(BUFFER);
        udp.setSoTimeout(ANSWER_MILLIS);
        TcpProbe tcp = new TcpProbe(new InetSocketAddress(here, udp.getLocalPort()), secret);
        HostProbe probe = new HostProbe(here, secret, udp, tcp);
        daemon(probe::answer, "probe-answer").start();
        return probe;
      } catch (IOException e) {
        udp.close();
        taken.addSuppressed(e);
      }
    }
    throw taken;
  }

  private static Thread daemon(Runnable task, String name) {
    Thread thread = new Thread(task, name);
    thread.setDaemon(true);
    return thread;
  }

  /** Where it listens, as {@code 10.0.0.7:41234}. */
  String address() {
    String host = address.getHostAddress();
    return (host.contains(":") ? "[" + host + "]" : host) + ":" + socket.getLocalPort();
  }

  /**
   * What this host has.
   *
   * @param sharedMemory where ranks share memory
   */
  static Probe.Host host(Path sharedMemory, int cores) {
    long free = -1;
    try {
      free = Files.getFileStore(sharedMemory).getUsableSpace();
    } catch (IOException e) {
      LOG.debug("cannot ask for the room in {}", sharedMemory, e);
    }
    return new Probe.Host(Runtime.version().toString(), AeronVersion.VERSION, free, cores);
  }

  /** Measures the ways to these, one after the other, and hands over what came of it. */
  void run(List<Target> targets, Consumer<List<Way>> done) {
    daemon(
            () -> {
              List<Way> ways = new ArrayList<>();
              for (Target target : targets) {
                ways.add(measure(target));
              }
              done.accept(ways);
            },
            "probe-run")
        .start();
  }

  private Way measure(Target target) {
    int colon = target.address().lastIndexOf(':');
    try {
      String host = target.address().substring(0, colon).replaceAll("[\\[\\]]", "");
      int port = Integer.parseInt(target.address().substring(colon + 1));
      InetSocketAddress to = new InetSocketAddress(InetAddress.getByName(host), port);
      Way way = measure(target.agentId(), to);
      TcpProbe.Outcome outcome = TcpProbe.measure(address, to, secret);
      return way.withTcp(outcome.bytesPerSecond(), outcome.failure());
    } catch (IOException | IllegalArgumentException e) {
      return Way.failed(target.agentId(), e.toString());
    }
  }

  private Way measure(String agentId, InetSocketAddress to) {
    try (DatagramSocket out = new DatagramSocket(new InetSocketAddress(address, 0))) {
      out.connect(to);
      out.setSoTimeout(ANSWER_MILLIS);
      return measure(agentId, out);
    } catch (IOException e) {
      return Way.failed(agentId, e.toString());
    }
  }

  private Way measure(String to, DatagramSocket out) throws IOException {
    List<Long> trips = new ArrayList<>();
    long ahead = 0;
    long best = Long.MAX_VALUE;
    for (int i = 0; i < PINGS && (i < MAX_SILENT || !trips.isEmpty()); i++) {
      long clock = micros();
      long start = System.nanoTime();
      send(out, PING, i, 0, HEAD);
      ByteBuffer pong = receive(out, PONG, i);
      if (pong != null) {
        long trip = System.nanoTime() - start;
        trips.add(trip);
        if (trip < best) {
          best = trip;
          ahead = pong.getLong(HEAD - 8) - clock - trip / 2000;
        }
      }
    }
    if (trips.isEmpty()) {
      return Way.failed(
          to,
          "no answer to "
              + MAX_SILENT
              + " datagrams sent to "
              + out.getRemoteSocketAddress()
              + ": ranks speak UDP and TCP at ports that the system chooses; a firewall must let them");
    }
    trips.sort(null);
    double[] rate = rate(out);
    return new Way(
        to, trips.get(trips.size() / 2) / 1e3, rate[0], ahead, rate[1], "", Double.NaN, "");
  }

  /** Bytes a second that arrived, and the share that was lost. */
  private double[] rate(DatagramSocket out) throws IOException {
    long start = System.nanoTime();
    long sent = 0;
    long arrived = 0;
    int silent = 0;
    for (long window = 1; System.nanoTime() - start < SENDING_NANOS && silent < 2; window++) {
      for (int i = 0; i < WINDOW; i++) {
        send(out, DATA, window, 0, PAYLOAD);
      }
      send(out, END, window, 0, HEAD);
      sent += (long) WINDOW * PAYLOAD;
      ByteBuffer count = receive(out, COUNT, window);
      silent = count == null ? silent + 1 : 0;
      arrived += count == null ? 0 : count.getLong(HEAD - 8);
    }
    double seconds = (System.nanoTime() - start) / 1e9;
    return new double[] {arrived / seconds, sent == 0 ? 0 : 1 - arrived / (double) sent};
  }

  private static long micros() {
    return TimeUnit.MILLISECONDS.toMicros(System.currentTimeMillis());
  }

  private void send(DatagramSocket out, byte kind, long number, long value, int length)
      throws IOException {
    byte[] bytes = frame(kind, number, value, length);
    out.send(new DatagramPacket(bytes, length));
  }

  private byte[] frame(byte kind, long number, long value, int length) {
    return ByteBuffer.allocate(length)
        .putLong(secret)
        .put(kind)
        .putLong(number)
        .putLong(value)
        .array();
  }

  /** The answer of this kind and number; null when it does not come in time. */
  private ByteBuffer receive(DatagramSocket in, byte kind, long number) throws IOException {
    DatagramPacket packet = new DatagramPacket(new byte[PAYLOAD], PAYLOAD);
    long until = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(ANSWER_MILLIS);
    try {
      while (System.nanoTime() - until < 0) {
        in.receive(packet);
        ByteBuffer frame = ByteBuffer.wrap(packet.getData(), 0, packet.getLength());
        if (isOurs(frame) && frame.get(8) == kind && frame.getLong(9) == number) {
          return frame;
        }
      }
    } catch (SocketTimeoutException e) {
      LOG.trace("no answer of kind {} for {}", kind, number);
    }
    return null;
  }

  private boolean isOurs(ByteBuffer frame) {
    return frame.limit() >= HEAD && frame.getLong(0) == secret;
  }

  private void answer() {
    Map<SocketAddress, long[]> counts = new LinkedHashMap<>();
    DatagramPacket packet = new DatagramPacket(new byte[PAYLOAD], PAYLOAD);
    try (socket;
        tcp) {
      while (!closed && System.nanoTime() - end < 0) {
        try {
          packet.setLength(PAYLOAD);
          socket.receive(packet);
          answer(packet, counts);
        } catch (SocketTimeoutException e) {
          LOG.trace("nothing to answer");
        }
      }
    } catch (IOException e) {
      if (!closed) {
        LOG.warn("the answering of probes ends: {}", e.toString());
      }
    }
  }

  private void answer(DatagramPacket packet, Map<SocketAddress, long[]> counts) throws IOException {
    ByteBuffer frame = ByteBuffer.wrap(packet.getData(), 0, packet.getLength());
    if (!isOurs(frame)) {
      return;
    }
    long number = frame.getLong(9);
    if (frame.get(8) == PING) {
      reply(packet.getSocketAddress(), frame(PONG, number, micros(), HEAD));
      return;
    }
    if (counts.size() > MAX_PEERS) {
      counts.clear();
    }
    long[] count = counts.computeIfAbsent(packet.getSocketAddress(), a -> new long[2]);
    if (count[0] != number) {
      Arrays.fill(count, 0);
      count[0] = number;
    }
    if (frame.get(8) == DATA) {
      count[1] += packet.getLength();
    } else if (frame.get(8) == END) {
      reply(packet.getSocketAddress(), frame(COUNT, number, count[1], HEAD));
    }
  }

  private void reply(SocketAddress to, byte[] bytes) throws IOException {
    socket.send(new DatagramPacket(bytes, bytes.length, to));
  }

  @Override
  public void close() {
    closed = true; // The answering thread closes what listens for TCP.
    socket.close();
  }
}
