package dev.trireme.worker.agent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.protocol.AgentToRank;
import dev.trireme.protocol.MessageCodec;
import dev.trireme.protocol.RankReport;
import dev.trireme.protocol.Stamp;
import dev.trireme.worker.channel.Bootstrap;
import dev.trireme.worker.channel.Channel;
import dev.trireme.worker.channel.ChannelAddress;
import io.aeron.Aeron;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A real process that never says anything. */
class ChildTest {
  private static final long HELLO_NANOS = Duration.ofMinutes(1).toNanos();

  @TempDir Path directory;
  private HostDriver driver;
  private Aeron aeron;
  private Child child;

  @BeforeEach
  void start() throws Exception {
    driver = new HostDriver(directory.resolve("aeron"), HostDriver.CLIENT_LIVENESS);
    aeron = Aeron.connect(new Aeron.Context().aeronDirectoryName(driver.directory()));
    Bootstrap bootstrap = new Bootstrap(3, new ChannelAddress(driver.directory(), 1000, 1001), 7);
    Channel channel =
        new Channel(aeron, Channel.Side.AGENT, bootstrap.channel(), 7, new MessageCodec(), m -> {});
    RankProcess process =
        RankProcess.start(
            AgentFixture.rankCommand("silent"),
            bootstrap,
            Files.createDirectory(directory.resolve("libraries")),
            OptionalInt.empty(),
            Optional.empty());
    child = new Child(3, process, channel, System.nanoTime() + HELLO_NANOS);
  }

  @AfterEach
  void close() throws Exception {
    child.process().kill();
    awaitExit();
    child.channel().close();
    aeron.close();
    driver.close();
  }

  private int awaitExit() throws Exception {
    return child.process().exited().get(10, TimeUnit.SECONDS);
  }

  @Test
  void shouldBeKilledWhenItSaysNoHelloInTime() throws Exception {
    child.checkDeadlines(System.nanoTime());
    assertThat(child.killReason()).isEmpty();
    child.checkDeadlines(System.nanoTime() + HELLO_NANOS + 1);
    assertThat(awaitExit()).isEqualTo(137);
    assertThat(child.killReason()).isEqualTo("it said nothing on its channel in time");
    assertThat(child.isEndExpected()).isFalse();
    assertThat(child.isIdle()).isFalse();
  }

  @Test
  void shouldBeKilledAtTheEarliestTimeAsked() throws Exception {
    long now = System.nanoTime();
    child.requestEnd(now + 1_000_000_000L, "later");
    child.requestEnd(now, "now");
    child.requestEnd(now + 2_000_000_000L, "much later");
    child.checkDeadlines(now);
    assertThat(awaitExit()).isEqualTo(137);
    assertThat(child.killReason()).isEqualTo("later");
    assertThat(child.isEndExpected()).isTrue();
  }

  @Test
  void shouldNotBeGreetedByAnotherProcess() {
    long pid = child.process().pid();
    assertThat(child.greet(new RankReport.Hello(4, pid))).isFalse();
    assertThat(child.greet(new RankReport.Hello(3, pid + 1))).isFalse();
    assertThat(child.hasSaidHello()).isFalse();
    assertThat(child.greet(new RankReport.Hello(3, pid))).isTrue();
    assertThat(child.hasSaidHello()).isTrue();
  }

  @Test
  void shouldBeKilledRatherThanOverwhelmedWithCommands() throws Exception {
    for (int i = 0; i < 100; i++) {
      child.tell(new AgentToRank.CheckpointAfterStep(new Stamp(1, 1)));
    }
    child.checkDeadlines(System.nanoTime());
    assertThat(awaitExit()).isEqualTo(137);
    assertThat(child.killReason()).contains("has not said Hello");
  }
}
