package dev.trireme.allreduce.transport;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.allreduce.Endpoint;
import dev.trireme.allreduce.GroupConfig;
import dev.trireme.allreduce.NetworkConfig;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class TcpDoorTest {
  private static final long DEADLINE_NANOS = Duration.ofSeconds(20).toNanos();
  private static final long FORMATION = 0x1234_5678_9abc_def0L;

  private final List<AutoCloseable> open = new ArrayList<>();
  private final SocketChannel[][] connected = new SocketChannel[2][2];

  @AfterEach
  void close() throws Exception {
    for (AutoCloseable each : open) {
      each.close();
    }
    for (SocketChannel[] ends : connected) {
      for (SocketChannel end : ends) {
        if (end != null) {
          end.close();
        }
      }
    }
  }

  private static final NetworkConfig NETWORK = new NetworkConfig("a", "127.0.0.1");

  private TcpDoor door(int rank, long formation) {
    GroupConfig config =
        new GroupConfig(
            rank,
            2,
            1,
            Path.of("/nowhere"),
            Path.of("/nowhere"),
            1,
            4,
            formation,
            Duration.ofSeconds(1),
            Optional.of(NETWORK));
    TcpDoor door = new TcpDoor(config, NETWORK);
    open.add(door);
    return door;
  }

  private static Endpoint endpoint(int tcpPort) {
    return new Endpoint("a", "127.0.0.1:1", 1408, tcpPort);
  }

  private void tend(TcpDoor door, int rank) {
    door.tend((peer, channel) -> connected[rank][peer] = channel);
  }

  private static void until(BooleanSupplier done) {
    long start = System.nanoTime();
    while (!done.getAsBoolean()) {
      assertThat(System.nanoTime() - start).isLessThan(DEADLINE_NANOS);
    }
  }

  private void meet(TcpDoor first, TcpDoor second) {
    until(
        () -> {
          tend(first, 0);
          tend(second, 1);
          return first.missing(1).isEmpty() && second.missing(0).isEmpty();
        });
  }

  private SocketChannel call(TcpDoor door) {
    try {
      SocketChannel channel = SocketChannel.open(new InetSocketAddress("127.0.0.1", door.port()));
      open.add(channel);
      return channel;
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void shouldConnectTwoRanksAndListenNoMore() {
    TcpDoor first = door(0, FORMATION);
    TcpDoor second = door(1, FORMATION);
    int port = first.port();
    first.add(1, endpoint(second.port()));
    second.add(0, endpoint(port));
    assertThat(first.missing(1).get()).contains("has not connected").contains("" + port);
    assertThat(second.missing(0).get()).contains("127.0.0.1").contains("" + port);
    meet(first, second);
    assertThat(connected[0][1].isConnected()).isTrue();
    assertThat(connected[1][0].isConnected()).isTrue();
    Assertions.assertThatThrownBy(
            () -> SocketChannel.open(new InetSocketAddress("127.0.0.1", port)).close())
        .isInstanceOf(ConnectException.class);
  }

  @Test
  void shouldHangUpOnWhoeverIsNoRankOfTheFormation() throws IOException {
    TcpDoor first = door(0, FORMATION);
    TcpDoor second = door(1, FORMATION);
    first.add(1, endpoint(second.port()));
    for (ByteBuffer hello :
        List.of(
            hello(FORMATION + 1, 1, 0),
            hello(FORMATION, 0, 0),
            hello(FORMATION, 1, 1),
            hello(FORMATION, 2, 0),
            hello(FORMATION, -1, 0),
            ByteBuffer.wrap("GET / HTTP/1.1\r\nHost: a\r\n\r\n".getBytes()))) {
      SocketChannel stranger = call(first);
      stranger.write(hello);
      stranger.configureBlocking(false);
      until(
          () -> {
            tend(first, 0);
            try {
              return stranger.read(ByteBuffer.allocate(64)) < 0;
            } catch (IOException reset) {
              return true;
            }
          });
      assertThat(first.missing(1)).isPresent();
    }
    second.add(0, endpoint(first.port()));
    meet(first, second);
  }

  private static ByteBuffer hello(long formation, int from, int to) {
    return ByteBuffer.allocate(24)
        .putLong(0x5452_4952_454d_4531L)
        .putLong(formation)
        .putInt(from)
        .putInt(to)
        .flip();
  }

  @Test
  void shouldConnectThoughManyCallAndSayNothing() {
    TcpDoor first = door(0, FORMATION);
    TcpDoor second = door(1, FORMATION);
    first.add(1, endpoint(second.port()));
    for (int i = 0; i < 3 * GroupConfig.MAX_WORLD_SIZE; i++) {
      call(first);
      tend(first, 0);
    }
    second.add(0, endpoint(first.port()));
    meet(first, second);
  }

  @Test
  void shouldCallAgainUntilSomebodyOfTheFormationAnswers() {
    TcpDoor other = door(0, FORMATION + 1);
    TcpDoor second = door(1, FORMATION);
    other.add(1, endpoint(second.port()));
    second.add(0, endpoint(other.port()));
    until(
        () -> {
          tend(other, 0);
          tend(second, 1);
          return !second.missing(0).get().contains("no answer yet");
        });
    assertThat(second.missing(0).get()).contains("no TCP connection to").contains("is not rank 0");
    assertThat(connected[0][1]).isNull();
    assertThat(connected[1][0]).isNull();
  }
}
