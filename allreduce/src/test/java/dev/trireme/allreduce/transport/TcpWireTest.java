package dev.trireme.allreduce.transport;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.api.tensor.NativeMemory;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class TcpWireTest {
  private static final long DEADLINE_NANOS = Duration.ofSeconds(20).toNanos();
  private static final int BYTES = 5_000_003;

  private SocketChannel near;
  private SocketChannel far;
  private final NativeMemory.Block sent = NativeMemory.allocate(BYTES, 64);
  private final NativeMemory.Block arrived = NativeMemory.allocate(BYTES, 64);

  @BeforeEach
  void connect() throws IOException {
    try (ServerSocketChannel listener = ServerSocketChannel.open()) {
      listener.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
      near = SocketChannel.open(listener.getLocalAddress());
      far = listener.accept();
    }
    near.configureBlocking(false);
    far.configureBlocking(false);
    byte[] random = new byte[BYTES];
    new Random(1).nextBytes(random);
    NativeMemory.write(random, 0, BYTES, sent.address());
    NativeMemory.fill(arrived.address(), BYTES, (byte) 0);
  }

  @AfterEach
  void close() throws IOException {
    near.close();
    far.close();
    sent.close();
    arrived.close();
  }

  /** Copies what it is given, or says where it goes; and leaves everything now and then. */
  private final class Copier implements Transport.Receiver {
    private final boolean placing;
    private final int leaving;
    private final List<Long> operations = new ArrayList<>();
    private long bytes;
    private int asked;

    Copier(boolean placing, int leaving) {
      this.placing = placing;
      this.leaving = leaving;
    }

    @Override
    public boolean take(
        int from, int phase, long operation, long offset, long address, int length) {
      if (leaving > 0 && address != arrived.address() + offset && ++asked % leaving == 0) {
        return false;
      }
      assertThat(from).isEqualTo(3);
      assertThat(offset).isEqualTo(bytes);
      assertThat(length % 64 == 0 || offset + length == BYTES || phase == 1).isTrue();
      if (address != arrived.address() + offset) {
        NativeMemory.copy(address, arrived.address() + offset, length);
      }
      bytes += length;
      operations.add(operation);
      return true;
    }

    @Override
    public long place(int from, int phase, long operation, long offset, int length) {
      return placing ? arrived.address() + offset : 0;
    }
  }

  private static void until(BooleanSupplier done) {
    long start = System.nanoTime();
    while (!done.getAsBoolean()) {
      assertThat(System.nanoTime() - start).isLessThan(DEADLINE_NANOS);
    }
  }

  private void shouldCarry(Copier to) {
    try (TcpWire out = new TcpWire(1, near);
        TcpWire in = new TcpWire(3, far)) {
      long[] written = new long[1];
      until(
          () -> {
            long left = BYTES - written[0];
            if (left > 0) {
              // A frame of its own for each megabyte.
              long frame = Math.min(left, (1 << 20) - written[0] % (1 << 20));
              written[0] += out.write(7, 42, written[0], sent.address() + written[0], frame);
            }
            in.read(to);
            return to.bytes == BYTES;
          });
      assertThat(in.read()).isEqualTo(out.written());
    }
    assertThat(NativeMemory.view(arrived.address(), BYTES))
        .isEqualTo(NativeMemory.view(sent.address(), BYTES));
    assertThat(to.operations).containsOnly(42L);
  }

  @Test
  void shouldCarryBytesInOrderInPiecesOfWholeElements() {
    shouldCarry(new Copier(false, 0));
  }

  @Test
  void shouldPutBytesWhereTheReceiverWantsThem() {
    shouldCarry(new Copier(true, 0));
  }

  @Test
  void shouldKeepWhatTheReceiverLeaves() {
    shouldCarry(new Copier(false, 3));
  }

  @Test
  void shouldNotBeginAnythingElseBeforeTheKernelHasTakenAWholeFrame() {
    try (TcpWire out = new TcpWire(1, near);
        TcpWire in = new TcpWire(3, far)) {
      long[] written = new long[1];
      int[] taken = new int[1];
      until(
          () -> {
            taken[0] = out.write(0, 1, written[0], sent.address() + written[0], BYTES - written[0]);
            written[0] += taken[0];
            return taken[0] == 0;
          });
      assertThat(written[0]).isLessThan(BYTES);
      assertThat(out.write(1, 1, 0, sent.address(), 64)).isZero();
      assertThat(out.write(0, 2, written[0], sent.address(), 64)).isZero();
      Copier to = new Copier(false, 0);
      until(
          () -> {
            if (written[0] < BYTES) {
              written[0] +=
                  out.write(0, 1, written[0], sent.address() + written[0], BYTES - written[0]);
            }
            in.read(to);
            return to.bytes == BYTES;
          });
      to.bytes = 0;
      until(() -> out.write(1, 2, 0, sent.address(), 3) == 3);
      until(
          () -> {
            in.read(to);
            return to.bytes == 3;
          });
    }
  }

  @Test
  void shouldSayThatTheOtherEndHasClosed() throws IOException {
    try (TcpWire in = new TcpWire(3, far)) {
      near.close();
      until(
          () -> {
            in.read(new Copier(false, 0));
            return in.ended(0).isPresent();
          });
      assertThat(in.ended(0).get()).contains("closed");
      assertThat(in.ended(Duration.ofDays(1).toNanos())).isEmpty();
      assertThat(in.write(0, 1, 0, sent.address(), 64)).isZero();
    }
  }

  @Test
  void shouldHandOnWhatArrivedBeforeTheOtherEndClosed() {
    int frames = 20;
    try (TcpWire in = new TcpWire(3, far)) {
      try (TcpWire out = new TcpWire(1, near)) {
        for (int i = 0; i < frames; i++) {
          assertThat(out.write(0, i, 64L * i, sent.address(), 64)).isEqualTo(64);
        }
      }
      Copier to = new Copier(false, 2);
      until(
          () -> {
            in.read(to);
            return in.ended(0).isPresent() && to.bytes == 64 * frames;
          });
      assertThat(to.operations).hasSize(frames);
    }
  }

  @Test
  void shouldTakeNothingMoreAfterAHeaderThatIsNone() throws IOException {
    try (TcpWire in = new TcpWire(3, far)) {
      ByteBuffer header = ByteBuffer.allocate(TcpWire.HEADER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
      header.putInt(0).putInt(-1).putLong(1).putLong(0).flip();
      near.write(header);
      Copier to = new Copier(false, 0);
      until(
          () -> {
            in.read(to);
            return in.ended(0).isPresent();
          });
      assertThat(in.ended(0).get()).contains("length -1");
      assertThat(to.bytes).isZero();
    }
  }
}
