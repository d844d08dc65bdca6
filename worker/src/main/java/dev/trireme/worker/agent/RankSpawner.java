package dev.trireme.worker.agent;

import dev.trireme.protocol.HostDevice;
import dev.trireme.protocol.Message;
import dev.trireme.protocol.MessageCodec;
import dev.trireme.worker.channel.Bootstrap;
import dev.trireme.worker.channel.Channel;
import dev.trireme.worker.channel.ChannelAddress;
import io.aeron.Aeron;
import java.io.IOException;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BiConsumer;

/**
 * Starts processes, each with a channel of its own that is open before the process is.
 *
 * <p>Threading: the supervisor's thread.
 */
final class RankSpawner {
  /** From a process's start to its Hello; a loaded machine takes a few seconds. */
  private static final long HELLO_NANOS = TimeUnit.SECONDS.toNanos(60);

  private final RankCommand command;
  private final Aeron aeron;
  private final String aeronDirectory;
  private final StreamIds streams;
  private final Path noLibraries;
  private final MessageCodec codec = new MessageCodec();
  private final SecureRandom random = new SecureRandom();
  private int nextSlot;

  RankSpawner(
      RankCommand command,
      Aeron aeron,
      String aeronDirectory,
      StreamIds streams,
      Path noLibraries) {
    this.command = command;
    this.aeron = aeron;
    this.aeronDirectory = aeronDirectory;
    this.streams = streams;
    this.noLibraries = noLibraries;
  }

  /**
   * @param device the only one that the process is to see; all of the host's when empty
   * @param onMessage called with what the process says, on the thread that calls {@link
   *     Channel#duty}
   * @throws IOException when the process cannot be started; nothing is left behind
   */
  Child spawn(
      OptionalInt threads, Optional<HostDevice> device, BiConsumer<Child, Message> onMessage)
      throws IOException {
    int stream = streams.allot(2);
    Bootstrap bootstrap =
        new Bootstrap(
            nextSlot++, new ChannelAddress(aeronDirectory, stream, stream + 1), random.nextLong());
    AtomicReference<Child> child = new AtomicReference<>();
    Channel channel =
        new Channel(
            aeron,
            Channel.Side.AGENT,
            bootstrap.channel(),
            bootstrap.secret(),
            codec,
            message -> onMessage.accept(child.get(), message));
    try {
      RankProcess process = RankProcess.start(command, bootstrap, noLibraries, threads, device);
      child.set(new Child(bootstrap.slot(), process, channel, System.nanoTime() + HELLO_NANOS));
      return child.get();
    } catch (IOException | RuntimeException e) {
      channel.close();
      throw e;
    }
  }
}
