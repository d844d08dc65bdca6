package dev.trireme.worker.channel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.trireme.protocol.AgentToRank;
import dev.trireme.protocol.CodecException;
import dev.trireme.protocol.Message;
import dev.trireme.protocol.MessageCodec;
import dev.trireme.protocol.RankReport;
import dev.trireme.protocol.Stamp;
import io.aeron.Aeron;
import io.aeron.ExclusivePublication;
import io.aeron.driver.MediaDriver;
import io.aeron.driver.ThreadingMode;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.BooleanSupplier;
import org.agrona.concurrent.UnsafeBuffer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Both ends of a channel, over a real media driver. */
class ChannelTest {
  private static final long SECRET = 0x5ec4e7L;
  private static final Stamp STAMP = new Stamp(1, 1);

  @TempDir Path directory;
  private MediaDriver driver;
  private Aeron aeron;
  private ChannelAddress address;
  private final List<Message> atAgent = new ArrayList<>();
  private final List<Message> atRank = new ArrayList<>();
  private Channel agent;
  private Channel rank;

  @BeforeEach
  void open() {
    String aeronDirectory = directory.resolve("aeron").toString();
    driver =
        MediaDriver.launch(
            new MediaDriver.Context()
                .aeronDirectoryName(aeronDirectory)
                .threadingMode(ThreadingMode.SHARED)
                .termBufferSparseFile(true));
    aeron = Aeron.connect(new Aeron.Context().aeronDirectoryName(aeronDirectory));
    address = new ChannelAddress(aeronDirectory, 1000, 1001);
    agent = channel(Channel.Side.AGENT, atAgent);
    rank = channel(Channel.Side.RANK, atRank);
  }

  @AfterEach
  void close() {
    agent.close();
    rank.close();
    aeron.close();
    driver.close();
  }

  private Channel channel(Channel.Side side, List<Message> received) {
    return new Channel(aeron, side, address, SECRET, new MessageCodec(), received::add);
  }

  private void dutyUntil(BooleanSupplier done) {
    long end = System.nanoTime() + Duration.ofSeconds(10).toNanos();
    while (!done.getAsBoolean()) {
      assertThat(System.nanoTime()).as("deadline").isLessThan(end);
      agent.duty();
      rank.duty();
    }
  }

  @Test
  void shouldCarryMessagesBothWaysInOrder() {
    for (int step = 0; step < 200; step++) {
      assertThat(rank.send(new RankReport.ShardWritten(step))).isTrue();
      assertThat(agent.send(new AgentToRank.StopAfterStep(STAMP, "no. " + step))).isTrue();
    }
    dutyUntil(() -> atAgent.size() == 200 && atRank.size() == 200);
    for (int step = 0; step < 200; step++) {
      assertThat(atAgent.get(step)).isEqualTo(new RankReport.ShardWritten(step));
      assertThat(atRank.get(step)).isEqualTo(new AgentToRank.StopAfterStep(STAMP, "no. " + step));
    }
    assertThat(agent.isFlushed()).isTrue();
    assertThat(agent.failure()).isEmpty();
  }

  @Test
  void shouldCarryCommandsAsLongAsTheCodecAllows() {
    String reason = "x".repeat(300_000);
    agent.send(new AgentToRank.StopAfterStep(STAMP, reason));
    dutyUntil(() -> !atRank.isEmpty());
    assertThat(((AgentToRank.StopAfterStep) atRank.get(0)).reason()).isEqualTo(reason);
  }

  @Test
  void shouldRefuseAReportThatIsTooLongAndGoOn() {
    assertThatThrownBy(() -> rank.send(new RankReport.Failed(1, "x".repeat(200_000), -1, false)))
        .isInstanceOf(CodecException.class)
        .hasMessageContaining("a Failed of 2000")
        .hasMessageContaining("too long for the channel");
    rank.send(new RankReport.ShardWritten(1));
    dutyUntil(() -> !atAgent.isEmpty());
  }

  @Test
  void shouldDropFramesWithoutTheSecret() {
    byte[] message = new MessageCodec().encode(new RankReport.ShardWritten(666));
    try (ExclusivePublication stranger =
        aeron.addExclusivePublication("aeron:ipc?term-length=64k", address.toAgentStream())) {
      dutyUntil(stranger::isConnected);
      assertThat(stranger.offer(new UnsafeBuffer(message))).isPositive();
      rank.send(new RankReport.ShardWritten(1));
      dutyUntil(() -> agent.dropped() == 1 && !atAgent.isEmpty());
    }
    assertThat(atAgent).containsExactly(new RankReport.ShardWritten(1));
  }

  @Test
  void shouldDropGarbageThatHasTheSecret() {
    Random random = new Random(7);
    try (ExclusivePublication broken =
        aeron.addExclusivePublication("aeron:ipc?term-length=64k", address.toAgentStream())) {
      dutyUntil(broken::isConnected);
      for (int i = 0; i < 100; i++) {
        byte[] garbage = new byte[1 + random.nextInt(4000)];
        random.nextBytes(garbage);
        long before = agent.dropped();
        dutyUntil(
            () ->
                broken.offer(new UnsafeBuffer(garbage), 0, garbage.length, (b, o, n) -> SECRET)
                    > 0);
        dutyUntil(() -> agent.dropped() > before);
      }
    }
    rank.send(new RankReport.ShardWritten(1));
    dutyUntil(() -> !atAgent.isEmpty());
    assertThat(atAgent).containsExactly(new RankReport.ShardWritten(1));
  }

  @Test
  void shouldRefuseMoreThanItsQueueHolds() {
    int queued = 0;
    while (queued < 10_000 && rank.send(new RankReport.ShardWritten(queued))) {
      queued++;
    }
    assertThat(queued).isBetween(100, 9_999);
    int expected = queued;
    dutyUntil(() -> atAgent.size() == expected);
    assertThat(rank.send(new RankReport.ShardWritten(0))).as("there is room again").isTrue();
  }

  @Test
  void shouldHandOnWhatAPeerWroteBeforeItDied() {
    for (int step = 0; step < 300; step++) {
      rank.send(new RankReport.ShardWritten(step));
    }
    dutyUntil(rank::isFlushed);
    rank.close();
    agent.drain();
    assertThat(atAgent).hasSize(300);
  }

  @Test
  void shouldBreakWhenItsPeerTakesNothing() {
    ChannelAddress nobody = new ChannelAddress(address.aeronDirectory(), 2000, 2001);
    try (Channel lonely =
        new Channel(
            aeron,
            Channel.Side.AGENT,
            nobody,
            SECRET,
            new MessageCodec(),
            m -> {},
            Duration.ofMillis(50).toNanos())) {
      lonely.send(new AgentToRank.Release());
      dutyUntil(() -> lonely.duty() == 0 && lonely.failure().isPresent());
      assertThat(lonely.failure().get()).startsWith("a Release was not taken within");
      assertThat(lonely.send(new AgentToRank.Release())).isFalse();
    }
  }

  @Test
  void shouldTakeNothingOnceClosed() {
    rank.close();
    assertThat(rank.send(new RankReport.ShardWritten(1))).isFalse();
    assertThat(rank.failure()).hasValue("the channel is closed");
  }
}
