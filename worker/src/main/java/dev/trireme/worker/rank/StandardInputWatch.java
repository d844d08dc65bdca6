package dev.trireme.worker.rank;

import dev.trireme.worker.channel.ExitCode;
import java.io.IOException;
import java.io.InputStream;
import java.util.function.IntConsumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Ends the process when its standard input does. The agent holds the other end of that pipe and
 * writes nothing more into it; the kernel closes it when the agent dies, however it dies, so that
 * no rank outlives its agent.
 */
final class StandardInputWatch {
  private static final Logger LOG = LoggerFactory.getLogger(StandardInputWatch.class);

  private StandardInputWatch() {}

  /**
   * Starts watching on a daemon thread of its own, which ends with the stream.
   *
   * @param halt ends the process at once, without hooks: they could wait for the agent
   */
  static void start(InputStream input, IntConsumer halt) {
    Thread thread = new Thread(() -> watch(input, halt), "rank-agent-watch");
    thread.setDaemon(true);
    thread.start();
  }

  private static void watch(InputStream input, IntConsumer halt) {
    byte[] ignored = new byte[256];
    try {
      while (input.read(ignored) >= 0) {
        // The agent writes nothing after the secret; whatever comes is of no interest.
      }
    } catch (IOException e) {
      LOG.debug("standard input failed", e);
    }
    LOG.error("the agent has gone or has given this rank up (standard input closed): ending");
    halt.accept(ExitCode.AGENT_LOST);
  }
}
