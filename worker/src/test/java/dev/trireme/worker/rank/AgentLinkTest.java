package dev.trireme.worker.rank;

import static org.assertj.core.api.Assertions.assertThat;

import dev.trireme.api.data.Cursor;
import dev.trireme.api.train.Progress;
import dev.trireme.protocol.AgentToRank;
import dev.trireme.protocol.AgentToRank.Join;
import dev.trireme.protocol.AgentToRank.StopAfterStep;
import dev.trireme.protocol.AgentToRank.Transport;
import dev.trireme.protocol.Message;
import dev.trireme.protocol.MessageCodec;
import dev.trireme.protocol.RankReport;
import dev.trireme.protocol.Stamp;
import dev.trireme.worker.agent.TestJobs;
import dev.trireme.worker.channel.Bootstrap;
import dev.trireme.worker.channel.Channel;
import dev.trireme.worker.channel.ChannelAddress;
import dev.trireme.worker.channel.ExitCode;
import io.aeron.Aeron;
import io.aeron.driver.MediaDriver;
import io.aeron.driver.ThreadingMode;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.agrona.concurrent.Agent;
import org.agrona.concurrent.AgentRunner;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The link in this process, against an agent's end of the channel in the test's hands. */
class AgentLinkTest {
  private static final Stamp STAMP = new Stamp(2, 5);
  private static final Duration LONG = Duration.ofSeconds(20);

  @TempDir Path directory;
  private final BlockingQueue<Message> heard = new LinkedBlockingQueue<>();
  private final BlockingQueue<AgentToRank> commands = new LinkedBlockingQueue<>();
  private final BlockingQueue<Integer> halts = new LinkedBlockingQueue<>();
  private final PipedOutputStream agentPipe = new PipedOutputStream();
  private MediaDriver driver;
  private Aeron aeron;
  private Channel channel;
  private AgentRunner agent;
  private AgentLink link;

  @BeforeEach
  void connect() throws Exception {
    String aeronDirectory = directory.resolve("aeron").toString();
    driver =
        MediaDriver.launch(
            new MediaDriver.Context()
                .aeronDirectoryName(aeronDirectory)
                .threadingMode(ThreadingMode.SHARED)
                .termBufferSparseFile(true));
    aeron = Aeron.connect(new Aeron.Context().aeronDirectoryName(aeronDirectory));
    Bootstrap bootstrap = new Bootstrap(3, new ChannelAddress(aeronDirectory, 1000, 1001), 77);
    channel =
        new Channel(
            aeron, Channel.Side.AGENT, bootstrap.channel(), 77, new MessageCodec(), heard::add);
    agent = new AgentRunner(Channel.idle(), Throwable::printStackTrace, null, new AgentEnd());
    AgentRunner.startOnThread(agent);
    link = new AgentLink(bootstrap, new PipedInputStream(agentPipe), halts::add);
    assertThat(next()).isEqualTo(new RankReport.Hello(3, ProcessHandle.current().pid()));
  }

  @AfterEach
  void close() throws Exception {
    link.close();
    agent.close();
    aeron.close();
    driver.close();
    agentPipe.close();
  }

  private Message next() throws InterruptedException {
    return heard.poll(20, TimeUnit.SECONDS);
  }

  private AgentToRank nextCommand() throws InterruptedException {
    return commands.poll(20, TimeUnit.SECONDS);
  }

  private static Join join(Stamp stamp) {
    return new Join(
        stamp,
        "job-1",
        TestJobs.job(Optional.empty()),
        "name: test",
        "/run",
        1,
        0,
        1,
        2,
        new Transport("/aeron", "/shared", 5000, 10, 42));
  }

  private static RankReport finished() {
    return new RankReport.Finished(
        new Progress(1, new Cursor(0, 4)), 1, false, Map.of(), "hash", Double.NaN);
  }

  @Test
  void shouldReceiveTheJoinWhole() throws Exception {
    channel.send(join(STAMP));
    assertThat(link.awaitJoin(LONG)).hasValue(join(STAMP));
  }

  @Test
  void shouldTakePartInOneFormationAfterTheOther() throws Exception {
    channel.send(join(STAMP));
    link.awaitJoin(LONG);
    link.listen(commands::add);
    Stamp next = new Stamp(2, 6);
    channel.send(join(next));
    channel.send(new AgentToRank.AbortGeneration(next, "of the new one"));

    assertThat(link.awaitJoin(LONG)).hasValue(join(next));
    assertThat(next()).as("announced").isEqualTo(new RankReport.Joined(6));
    assertThat(commands).as("the listener of the formation before hears nothing").isEmpty();
    link.listen(commands::add);
    assertThat(nextCommand()).isInstanceOf(AgentToRank.AbortGeneration.class);
    channel.send(new AgentToRank.Release());
    assertThat(link.awaitJoin(LONG)).isEmpty();
  }

  /** Else an abort of the one passed over would end the newest, or one of that be missed. */
  @Test
  void shouldGiveEachFormationWhatIsMeantForIt() throws Exception {
    Stamp second = new Stamp(2, 6);
    Stamp third = new Stamp(2, 7);
    channel.send(join(STAMP));
    assertThat(link.awaitJoin(LONG)).hasValue(join(STAMP));
    channel.send(join(second));
    channel.send(new AgentToRank.AbortGeneration(second, "of one passed over"));
    channel.send(join(third));
    channel.send(new AgentToRank.StopAfterStep(third, "of the newest"));
    BlockingQueue<AgentToRank> older = new LinkedBlockingQueue<>();
    link.listen(older::add);
    Optional<Join> join = link.awaitJoin(LONG);
    while (!join.equals(Optional.of(join(third)))) {
      join = link.awaitJoin(LONG);
    }
    link.listen(commands::add);
    assertThat(nextCommand()).isInstanceOf(AgentToRank.StopAfterStep.class);
    assertThat(older).isEmpty();
    assertThat(commands).isEmpty();
  }

  @Test
  void shouldGiveUpWaitingForAJoin() throws Exception {
    assertThat(link.awaitJoin(Duration.ofMillis(20))).isEmpty();
  }

  @Test
  void shouldEndWithoutAJoinWhenReleased() throws Exception {
    channel.send(new AgentToRank.Release());
    assertThat(link.awaitJoin(LONG)).isEmpty();
  }

  @Test
  void shouldDeliverCommandsThatCameBeforeAnyoneListened() throws Exception {
    channel.send(join(STAMP));
    channel.send(new StopAfterStep(STAMP, "early"));
    link.awaitJoin(LONG);
    link.listen(commands::add);
    channel.send(new StopAfterStep(STAMP, "late"));
    assertThat(nextCommand()).isEqualTo(new StopAfterStep(STAMP, "early"));
    assertThat(nextCommand()).isEqualTo(new StopAfterStep(STAMP, "late"));
  }

  @Test
  void shouldRefuseCommandsOfALowerStamp() throws Exception {
    link.listen(commands::add);
    channel.send(join(STAMP));
    channel.send(new StopAfterStep(new Stamp(1, 9), "old term"));
    channel.send(new StopAfterStep(new Stamp(2, 4), "old generation"));
    channel.send(new StopAfterStep(new Stamp(2, 6), "newer"));
    channel.send(new StopAfterStep(STAMP, "older than that"));
    channel.send(new AgentToRank.CheckpointAfterStep(new Stamp(2, 6)));
    assertThat(nextCommand()).isEqualTo(new StopAfterStep(new Stamp(2, 6), "newer"));
    assertThat(nextCommand()).isInstanceOf(AgentToRank.CheckpointAfterStep.class);
  }

  @Test
  void shouldGoOnAfterAListenerThrew() throws Exception {
    link.listen(
        command -> {
          commands.add(command);
          throw new IllegalStateException("from the test");
        });
    channel.send(join(STAMP));
    channel.send(new StopAfterStep(STAMP, "one"));
    channel.send(new StopAfterStep(STAMP, "two"));
    assertThat(nextCommand()).isEqualTo(new StopAfterStep(STAMP, "one"));
    assertThat(nextCommand()).isEqualTo(new StopAfterStep(STAMP, "two"));
  }

  @Test
  void shouldWaitForItsReleaseAfterTheFinalReport() throws Exception {
    link.report(finished());
    CompletableFuture<Void> closed = CompletableFuture.runAsync(link::close);
    assertThat(next()).isEqualTo(finished());
    assertThat(closed).isNotDone();
    channel.send(new AgentToRank.Release());
    closed.get(5, TimeUnit.SECONDS);
  }

  @Test
  void shouldSendEverythingBeforeItCloses() throws Exception {
    for (int step = 0; step < 300; step++) {
      link.report(new RankReport.ShardWritten(step));
    }
    link.close();
    for (int step = 0; step < 300; step++) {
      assertThat(next()).isEqualTo(new RankReport.ShardWritten(step));
    }
    assertThat(halts).isEmpty();
  }

  @Test
  void shouldHaltWhenStandardInputCloses() throws Exception {
    agentPipe.close();
    assertThat(halts.poll(20, TimeUnit.SECONDS)).isEqualTo(ExitCode.AGENT_LOST);
  }

  @Test
  void shouldHaltWhenTheDriverIsGone() throws Exception {
    agent.close();
    aeron.close();
    driver.close();
    assertThat(halts.poll(30, TimeUnit.SECONDS)).isEqualTo(ExitCode.CHANNEL_LOST);
  }

  /** The agent's thread. */
  private final class AgentEnd implements Agent {
    @Override
    public int doWork() {
      return channel.duty();
    }

    @Override
    public void onClose() {
      channel.close();
    }

    @Override
    public String roleName() {
      return "test-agent";
    }
  }
}
