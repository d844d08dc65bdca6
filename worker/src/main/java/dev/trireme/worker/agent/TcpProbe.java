package dev.trireme.worker.agent;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The part of a {@link HostProbe} that speaks TCP, over which ranks of different hosts send all
 * that is large. Who measures connects, says the probe's secret, and sends for a while; the other
 * side tells how many bytes have come. Who does not know the secret is hung up on.
 *
 * <p>Threading: {@link #measure} blocks for about a second at most; one connection is answered at a
 * time, on a thread that ends when this is closed.
 */
final class TcpProbe implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(TcpProbe.class);
  private static final int CONNECT_MILLIS = 500;
  private static final int SILENT_MILLIS = 250;
  private static final int BUFFER = 64 << 10;
  private static final long SENDING_NANOS = TimeUnit.MILLISECONDS.toNanos(200);
  private static final long LONGEST_NANOS = TimeUnit.SECONDS.toNanos(2);

  private final ServerSocket door;
  private final long secret;

  /**
   * What came of measuring.
   *
   * @param bytesPerSecond that arrived there; NaN when there was no connection
   * @param failure for people; empty when there was none
   */
  record Outcome(double bytesPerSecond, String failure) {}

  /**
   * Listens, and answers from then on.
   *
   * @throws IOException when it cannot listen there
   */
  TcpProbe(InetSocketAddress address, long secret) throws IOException {
    this.secret = secret;
    this.door = new ServerSocket();
    try {
      door.bind(address);
    } catch (IOException e) {
      door.close();
      throw e;
    }
    Thread thread = new Thread(this::answer, "probe-tcp");
    thread.setDaemon(true);
    thread.start();
  }

  private void answer() {
    while (!door.isClosed()) {
      try (Socket caller = door.accept()) {
        answer(caller);
      } catch (IOException e) {
        LOG.debug("a probe over TCP ends: {}", e.toString());
      }
    }
  }

  private void answer(Socket caller) throws IOException {
    long until = System.nanoTime() + LONGEST_NANOS;
    caller.setSoTimeout(SILENT_MILLIS);
    DataInputStream in = new DataInputStream(caller.getInputStream());
    if (in.readLong() == secret) {
      long count = count(in, until);
      new DataOutputStream(caller.getOutputStream()).writeLong(count);
    }
  }

  private static long count(InputStream in, long until) throws IOException {
    byte[] buffer = new byte[BUFFER];
    long count = 0;
    for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
      count += n;
      if (System.nanoTime() - until > 0) {
        throw new IOException("sends for too long");
      }
    }
    return count;
  }

  /** Sends to one that answers, and says how fast it took it. */
  static Outcome measure(InetAddress from, InetSocketAddress to, long secret) {
    try (SocketChannel out = SocketChannel.open();
        Selector selector = Selector.open()) {
      out.bind(new InetSocketAddress(from, 0));
      out.configureBlocking(false);
      SelectionKey key = out.register(selector, SelectionKey.OP_CONNECT);
      if (!out.connect(to)) {
        long connected = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(CONNECT_MILLIS);
        await(key, SelectionKey.OP_CONNECT, connected, "no connection");
        out.finishConnect();
      }
      return new Outcome(send(out, key, secret), "");
    } catch (IOException e) {
      return new Outcome(
          Double.NaN,
          "no way over TCP to "
              + to
              + " ("
              + e.getMessage()
              + "): ranks speak UDP and TCP at ports that the system chooses; a firewall must let"
              + " them");
    }
  }

  private static double send(SocketChannel out, SelectionKey key, long secret) throws IOException {
    long start = System.nanoTime();
    long until = start + LONGEST_NANOS;
    write(out, key, ByteBuffer.allocate(8).putLong(0, secret), until);
    ByteBuffer data = ByteBuffer.allocateDirect(BUFFER);
    while (System.nanoTime() - start < SENDING_NANOS) {
      write(out, key, data.clear(), until);
    }
    out.shutdownOutput();
    ByteBuffer count = ByteBuffer.allocate(8);
    while (count.hasRemaining()) {
      await(key, SelectionKey.OP_READ, until, "no answer");
      if (out.read(count) < 0) {
        throw new IOException("hung up");
      }
    }
    return count.getLong(0) * 1e9 / (System.nanoTime() - start);
  }

  private static void write(SocketChannel out, SelectionKey key, ByteBuffer bytes, long until)
      throws IOException {
    while (bytes.hasRemaining()) {
      if (out.write(bytes) == 0) {
        await(key, SelectionKey.OP_WRITE, until, "nothing is taken");
      }
    }
  }

  private static void await(SelectionKey key, int what, long until, String missing)
      throws IOException {
    key.interestOps(what);
    do {
      long left = TimeUnit.NANOSECONDS.toMillis(until - System.nanoTime());
      if (left <= 0) {
        throw new IOException(missing + " in time");
      }
      key.selector().select(left);
      key.selector().selectedKeys().clear();
    } while ((key.readyOps() & what) == 0);
  }

  /** Repeats do nothing. */
  @Override
  public void close() throws IOException {
    door.close();
  }
}
