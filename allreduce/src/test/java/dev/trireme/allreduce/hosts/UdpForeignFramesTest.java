package dev.trireme.allreduce.hosts;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.allreduce.Carrier;
import dev.trireme.allreduce.CollectiveChecks;
import dev.trireme.allreduce.CollectiveChecks.Check;
import dev.trireme.allreduce.CollectiveChecks.Collective;
import dev.trireme.allreduce.CollectiveChecks.Memory;
import dev.trireme.allreduce.transport.Losses;
import dev.trireme.api.collective.ReduceOp;
import dev.trireme.api.tensor.DType;
import io.aeron.Aeron;
import io.aeron.ExclusivePublication;
import io.aeron.driver.ext.LossGenerator;
import io.aeron.protocol.DataHeaderFlyweight;
import io.aeron.protocol.HeaderFlyweight;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import org.agrona.concurrent.UnsafeBuffer;
import org.junit.jupiter.api.Test;

/** Datagrams that a rank must not take, though they look like what it waits for. */
class UdpForeignFramesTest {
  private static final int LARGE = 8 << 10;
  private static final int FORMATION = 7;

  private static Check check() {
    return new Check(Collective.ALL_REDUCE, DType.INT32, 400_003, ReduceOp.SUM, 0, Memory.OWN);
  }

  private static boolean isLarge(DataHeaderFlyweight header, UnsafeBuffer buffer, int length) {
    header.wrap(buffer);
    return header.headerType() == HeaderFlyweight.HDR_TYPE_DATA && length > LARGE;
  }

  @Test
  void shouldAddWhatArrivesTwiceOnce() throws IOException {
    AtomicReference<InetSocketAddress> port = new AtomicReference<>();
    AtomicInteger echoes = new AtomicInteger();
    try (DatagramChannel channel = DatagramChannel.open();
        HostGroups ranks =
            new HostGroups(
                Carrier.UDP,
                "ab",
                0,
                rank ->
                    rank == 0
                        ? Losses.NONE
                        : new Losses(Losses.NONE.sent(), new Echo(channel, port::get, echoes)))) {
      ranks.form(FORMATION, Optional.empty(), HostGroups.TIMEOUT);
      String[] parts = ranks.address(1).split(":");
      port.set(new InetSocketAddress(parts[0], Integer.parseInt(parts[1])));
      for (int round = 0; round < 5; round++) {
        List<Integer> bits = ranks.onEveryRank(group -> CollectiveChecks.run(group, check()));
        assertThat(bits).containsOnly(bits.get(0));
      }
      assertThat(echoes).hasPositiveValue();
    }
  }

  /** Has each large frame arrive again, after some that came later. */
  private record Echo(
      DatagramChannel channel,
      Supplier<InetSocketAddress> port,
      AtomicInteger echoes,
      Set<Long> seen,
      DataHeaderFlyweight header)
      implements LossGenerator {
    Echo(DatagramChannel channel, Supplier<InetSocketAddress> port, AtomicInteger echoes) {
      this(channel, port, echoes, new HashSet<>(), new DataHeaderFlyweight());
    }

    @Override
    public boolean shouldDropFrame(InetSocketAddress from, UnsafeBuffer buffer, int length) {
      InetSocketAddress to = port.get();
      if (to == null
          || !isLarge(header, buffer, length)
          || !seen.add((long) header.termId() << 32 | header.termOffset())) {
        return false;
      }
      byte[] copy = new byte[length];
      buffer.getBytes(0, copy);
      try {
        echoes.addAndGet(channel.send(ByteBuffer.wrap(copy), to) == length ? 1 : 0);
      } catch (IOException e) {
        throw new AssertionError(e);
      }
      return false;
    }
  }

  /** Every large frame of rank 0 has a twin that says the same but is of another formation. */
  @Test
  void shouldTakeNothingOfAnotherFormation() {
    AtomicReference<Twins> twins = new AtomicReference<>();
    EverySecondFrame lost = new EverySecondFrame();
    LossGenerator sent =
        (to, buffer, length) -> {
          if (twins.get() != null) {
            twins.get().sendBefore(buffer, length);
          }
          return lost.shouldDropFrame(to, buffer, length);
        };
    try (HostGroups ranks =
        new HostGroups(
            Carrier.UDP,
            "ab",
            0,
            rank -> rank == 0 ? new Losses(sent, Losses.NONE.received()) : Losses.NONE)) {
      ranks.form(FORMATION, Optional.empty(), HostGroups.TIMEOUT);
      try (Aeron aeron = Aeron.connect(new Aeron.Context().aeronDirectoryName(ranks.driver('a')))) {
        twins.set(new Twins(aeron, "aeron:udp?endpoint=" + ranks.address(1)));
        for (int round = 0; round < 20 && twins.get().count.get() < 30; round++) {
          List<Integer> bits = ranks.onEveryRank(group -> CollectiveChecks.run(group, check()));
          assertThat(bits).containsOnly(bits.get(0));
        }
        assertThat(twins.get().count).hasValueGreaterThanOrEqualTo(30);
        twins.set(null);
      }
    }
  }

  private static final class Twins {
    private static final int HEADERS = 32;
    private static final int BYTES = HEADERS + 1024;

    private final Aeron aeron;
    private final String channel;
    private final DataHeaderFlyweight header = new DataHeaderFlyweight();
    private final UnsafeBuffer twin = new UnsafeBuffer(new byte[BYTES]);
    private final AtomicLong count = new AtomicLong();
    private ExclusivePublication publication;

    Twins(Aeron aeron, String channel) {
      this.aeron = aeron;
      this.channel = channel;
    }

    void sendBefore(UnsafeBuffer frame, int length) {
      if (!isLarge(header, frame, length)) {
        return;
      }
      if (publication == null) {
        publication = aeron.addExclusivePublication(channel, header.streamId());
      }
      twin.putBytes(0, frame, DataHeaderFlyweight.HEADER_LENGTH, HEADERS);
      long other = header.reservedValue() + 1;
      if (publication.offer(twin, 0, BYTES, (buffer, at, size) -> other) > 0) {
        count.incrementAndGet();
      }
    }
  }
}
