package dev.trireme.allreduce.transport;

import dev.trireme.allreduce.Endpoint;
import dev.trireme.allreduce.GroupConfig;
import dev.trireme.allreduce.NetworkConfig;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/**
 * How a rank gets its TCP connections to ranks of other hosts. Of two ranks the one with the higher
 * number calls the other. Both say a hello first: which formation, by its unguessable number, from
 * which rank, to which. Who calls and says anything else, or nothing for a while, is hung up on;
 * when all ranks are connected nobody listens any more.
 *
 * <p>Threading: one thread at a time. Blocking: never.
 */
final class TcpDoor implements AutoCloseable {
  /** Connected, said hello, and heard it. */
  @FunctionalInterface
  interface Connected {
    /** The channel does not block, and belongs to the one who is told. */
    void connected(int peer, SocketChannel channel);
  }

  private static final long MAGIC = 0x5452_4952_454d_4531L;
  private static final int HELLO_BYTES = 24;
  private static final int NOT_YET = -1;
  private static final int STRANGER = -2;
  private static final long CALL_AGAIN_NANOS = TimeUnit.MILLISECONDS.toNanos(50);
  private static final long HELLO_NANOS = TimeUnit.SECONDS.toNanos(5);

  /** Of those who call and have not said yet who they are; the oldest go first. */
  private static final int MOST_CALLERS = 2 * GroupConfig.MAX_WORLD_SIZE;

  /** What else there is to do must not wait for all who call. */
  private static final int MOST_AT_ONCE = 16;

  private final GroupConfig config;
  private final InetAddress address;
  private final ServerSocketChannel listener;
  private final ArrayDeque<Caller> callers = new ArrayDeque<>();
  private final List<Call> calls = new ArrayList<>();
  private final boolean[] expected;
  private String trouble = "";

  /** Somebody who has called. */
  private record Caller(SocketChannel channel, ByteBuffer heard, long sinceNanos) {}

  /** A peer that this rank calls. */
  private static final class Call {
    private final int peer;
    private final InetSocketAddress to;
    private final ByteBuffer heard = ByteBuffer.allocate(HELLO_BYTES);
    private SocketChannel channel;
    private boolean said;
    private long againNanos = System.nanoTime();
    private String trouble = "no answer yet";

    Call(int peer, InetSocketAddress to) {
      this.peer = peer;
      this.to = to;
    }
  }

  /**
   * Listens on a port that the system chooses.
   *
   * @throws IllegalStateException when there is none to have
   */
  TcpDoor(GroupConfig config, NetworkConfig network) {
    this.config = config;
    this.address = network.resolved();
    this.expected = new boolean[config.worldSize()];
    try {
      listener = ServerSocketChannel.open();
    } catch (IOException e) {
      throw noPort(e);
    }
    try {
      listener.configureBlocking(false);
      listener.bind(new InetSocketAddress(address, 0), MOST_CALLERS);
    } catch (IOException e) {
      close();
      throw noPort(e);
    }
  }

  private IllegalStateException noPort(IOException e) {
    return new IllegalStateException(
        "no TCP port can be opened at " + address.getHostAddress() + ": " + e.getMessage(), e);
  }

  /** Where it listens. */
  int port() {
    return listener.socket().getLocalPort();
  }

  /** Expects a call from a peer, or calls it. */
  void add(int peer, Endpoint endpoint) {
    expected[peer] = true;
    if (peer < config.rank()) {
      calls.add(new Call(peer, endpoint.tcpAddress()));
    }
  }

  /** Goes on with whoever is not connected yet. */
  void tend(Connected to) {
    if (listener.isOpen()) {
      answer(to);
      for (Iterator<Call> all = calls.iterator(); all.hasNext(); ) {
        Call call = all.next();
        if (goOn(call)) {
          all.remove();
          expected[call.peer] = false;
          to.connected(call.peer, call.channel);
        }
      }
      if (isComplete()) {
        close();
      }
    }
  }

  private boolean isComplete() {
    for (boolean each : expected) {
      if (each) {
        return false;
      }
    }
    return true;
  }

  /** What stands between this rank and a peer; empty once they are connected. */
  Optional<String> missing(int peer) {
    if (!expected[peer]) {
      return Optional.empty();
    }
    return Optional.of(
        calls.stream()
            .filter(call -> call.peer == peer)
            .findFirst()
            .map(call -> "no TCP connection to " + call.to + ": " + call.trouble)
            .orElse("it has not connected to this rank's TCP port " + port() + trouble));
  }

  private void answer(Connected to) {
    for (int i = 0; i < MOST_AT_ONCE && accept(); i++) {
      // Whoever called before is listened to before anybody has to go.
    }
    for (Iterator<Caller> all = callers.iterator(); all.hasNext(); ) {
      Caller caller = all.next();
      int peer = listen(caller);
      if (peer >= 0) {
        expected[peer] = false;
        to.connected(peer, caller.channel);
      }
      if (peer != NOT_YET) {
        all.remove();
      }
    }
    while (callers.size() > MOST_CALLERS) {
      hangUp(callers.remove().channel);
    }
  }

  /** Whether somebody has called. */
  private boolean accept() {
    SocketChannel next = null;
    try {
      next = listener.accept();
      if (next == null) {
        return false;
      }
      prepare(next);
      callers.add(new Caller(next, ByteBuffer.allocate(HELLO_BYTES), System.nanoTime()));
      return true;
    } catch (IOException e) {
      trouble = "; its last call: " + e;
      if (next != null) {
        hangUp(next);
      }
      return false;
    }
  }

  /** Says who it is, or that it has not said so yet, or that it is nobody to speak to. */
  private int listen(Caller caller) {
    try {
      if (caller.channel.read(caller.heard) >= 0) {
        if (caller.heard.hasRemaining()) {
          if (System.nanoTime() - caller.sinceNanos < HELLO_NANOS) {
            return NOT_YET;
          }
        } else {
          int peer = caller.heard.getInt(16);
          if (peer > config.rank()
              && peer < config.worldSize()
              && expected[peer]
              && isHello(caller.heard, peer)
              && caller.channel.write(hello(peer)) == HELLO_BYTES) {
            return peer;
          }
        }
      }
    } catch (IOException e) {
      // As good as a stranger.
    }
    hangUp(caller.channel);
    return STRANGER;
  }

  /** Whether the peer has answered. */
  private boolean goOn(Call call) {
    try {
      if (call.channel == null) {
        if (System.nanoTime() - call.againNanos < 0) {
          return false;
        }
        call.channel = SocketChannel.open();
        prepare(call.channel);
        call.channel.bind(new InetSocketAddress(address, 0));
        call.channel.connect(call.to);
      }
      if (!call.channel.finishConnect()) {
        return false;
      }
      if (!call.said) {
        call.said = call.channel.write(hello(call.peer)) == HELLO_BYTES;
      }
      int read = call.channel.read(call.heard);
      if (read < 0 || !call.heard.hasRemaining() && !isHello(call.heard, call.peer)) {
        throw new IOException("whoever listens there is not rank " + call.peer);
      }
      return !call.heard.hasRemaining();
    } catch (IOException | IllegalArgumentException e) {
      // The latter of an address that is none, or of another kind than this rank's.
      callAgain(call, e.toString());
      return false;
    }
  }

  private static void callAgain(Call call, String trouble) {
    if (call.channel != null) {
      hangUp(call.channel);
      call.channel = null;
    }
    call.said = false;
    call.heard.clear();
    call.trouble = trouble;
    call.againNanos = System.nanoTime() + CALL_AGAIN_NANOS;
  }

  private static void prepare(SocketChannel channel) throws IOException {
    channel.configureBlocking(false);
    channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
  }

  private ByteBuffer hello(int to) {
    return ByteBuffer.allocate(HELLO_BYTES)
        .putLong(MAGIC)
        .putLong(config.formation())
        .putInt(config.rank())
        .putInt(to)
        .flip();
  }

  private boolean isHello(ByteBuffer heard, int from) {
    return heard.getLong(0) == MAGIC
        && heard.getLong(8) == config.formation()
        && heard.getInt(16) == from
        && heard.getInt(20) == config.rank();
  }

  private static void hangUp(SocketChannel channel) {
    try {
      channel.close();
    } catch (IOException e) {
      // It is gone either way.
    }
  }

  /** Listens no more, and hangs up on whoever is not connected yet. */
  @Override
  public void close() {
    callers.forEach(caller -> hangUp(caller.channel));
    callers.clear();
    calls.stream().filter(call -> call.channel != null).forEach(call -> hangUp(call.channel));
    calls.clear();
    try {
      listener.close();
    } catch (IOException e) {
      // Nobody can call there any more.
    }
  }
}
